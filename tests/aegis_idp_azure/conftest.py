from collections.abc import Iterator

import pytest

from support.entra_tenant import Tenant, entra_tenant


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    with entra_tenant() as tenant:
        # What azure-identity trusts beside the system's certificates is said by this variable of `requests`.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tenant.entra.ca_file))
        yield tenant

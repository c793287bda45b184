from collections.abc import Iterator

import pytest

from support.google_project import Mesh, google_project


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesh]:
    with google_project() as mesh:
        # What google-auth trusts beside the system's certificates is said by this variable of `requests`.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mesh.google.ca_file))
        yield mesh

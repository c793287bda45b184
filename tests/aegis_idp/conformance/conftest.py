"""The template's plugin and its token service, for tests that change one thing about them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from token_service import TokenService

from aegis_idp.conformance import Cluster, ProviderUnderTest
from aegis_idp_template.plugin import TemplatePlugin

Make = Callable[..., ProviderUnderTest]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a provider under test: `make(plugin)` for one that is wrong, `make()` for the right one."""
    with Cluster(public=True) as cluster, TokenService(cluster) as service:

        def provider(plugin: Any = None, **changes: Any) -> ProviderUnderTest:
            objects = lambda: {name: dict(account) for name, account in service.accounts.items()}  # noqa: E731  # a value
            settings: Any = {"objects": objects, **changes}
            return ProviderUnderTest(plugin or TemplatePlugin(), {"address": service.url}, cluster, **settings)

        yield provider

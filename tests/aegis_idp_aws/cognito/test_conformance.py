"""The tests that every plugin passes, with an identity pool of the fake AWS."""

import pytest

from aegis_idp.conformance import Conformance, ProviderUnderTest
from support.cognito_pool import PoolTenancy


class TestMade(Conformance):
    """Identities that the reconcile function makes and marks."""

    @pytest.fixture
    def provider(self, tenancy: PoolTenancy) -> ProviderUnderTest:
        return tenancy.provider()


class TestAsTheyCome(Conformance):
    """Identities that the pool makes when somebody signs in."""

    @pytest.fixture
    def provider(self, tenancy: PoolTenancy) -> ProviderUnderTest:
        return tenancy.provider(provisioned=False)

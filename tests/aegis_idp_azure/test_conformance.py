"""The tests that every plugin passes, on the fake Entra ID."""

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance import Conformance, ProviderUnderTest
from support.entra_tenant import Tenant


class TestMade(Conformance):
    """Applications that the plugin makes, with tokens of version 2.0."""

    @pytest.fixture
    def provider(self, tenant: Tenant) -> ProviderUnderTest:
        return tenant.provider()


class TestKept(Conformance):
    """Applications that somebody else keeps, with tokens of version 1.0 for an identifier URI."""

    @pytest.fixture
    def provider(self, tenant: Tenant) -> ProviderUnderTest:
        tenant.resource.token_version = 1
        ids = {
            f"{subject.namespace}/{subject.name}": tenant.federate(tenant.directory.register(), subject).app_id
            for subject in (Subject("shop", "orders"), Subject("bank", "orders"), Subject("shop", "stock"))
        }
        return tenant.provider("api://mesh", version="1.0", provisionAs=None, clientIds=ids)


class TestDestinations(Conformance):
    """Applications for Services, so that a token for one is no good at the other."""

    @pytest.fixture
    def provider(self, tenant: Tenant) -> ProviderUnderTest:
        return tenant.provider(destinations=tenant.destinations("stock.shop.svc", "bills.bank.svc", "orders.shop.svc"))

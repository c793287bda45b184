"""The tests that every plugin passes, on the fake Google Cloud."""

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance import Conformance, ProviderUnderTest
from support.google_project import Mesh


class TestMade(Conformance):
    """Service accounts that the plugin makes."""

    @pytest.fixture
    def provider(self, mesh: Mesh) -> ProviderUnderTest:
        return mesh.provider()


class TestKept(Conformance):
    """Service accounts that somebody else keeps."""

    @pytest.fixture
    def provider(self, mesh: Mesh) -> ProviderUnderTest:
        subjects = (Subject("shop", "orders"), Subject("bank", "orders"), Subject("shop", "stock"))
        accounts = {
            f"{one.namespace}/{one.name}": mesh.project.register(f"{one.namespace}-{one.name}", str(one)).email
            for one in subjects
        }
        return mesh.provider(provision=False, serviceAccounts=accounts)

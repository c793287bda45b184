"""The tests that every plugin passes, on the real token service."""

from collections.abc import Iterator

import pytest
from token_service import TokenService

from aegis_idp.conformance import Cluster, Conformance, ProviderUnderTest
from aegis_idp.discovery import load
from aegis_idp_template.accounts import account_name


class TestConformance(Conformance):
    @pytest.fixture
    def provider(self) -> Iterator[ProviderUnderTest]:
        with Cluster(public=True) as cluster, TokenService(cluster) as service:
            yield ProviderUnderTest(
                load("template"),
                {"address": service.url},
                cluster,
                objects=lambda: {name: dict(account) for name, account in service.accounts.items()},
                rotate=lambda overlap: service.keys.rotate(overlap=overlap),
                spoil=lambda subject: service.accounts[account_name(subject)].update(subject="nobody"),
            )

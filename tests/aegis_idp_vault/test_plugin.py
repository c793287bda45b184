"""The plugin as hosts find it, and the conformance suite on a Vault in memory. tests/integration has the real one."""

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance import Cluster, Conformance, ProviderUnderTest
from aegis_idp.discovery import load
from aegis_idp.http import Response
from aegis_idp_vault import PLUGIN
from support.fake_http import answer
from support.vault_in_memory import VaultInMemory


def vault_refusal(text: str) -> Response:
    """How Vault says no."""
    return answer({"errors": [text]}, 400)


class TestConformance(Conformance):
    """With the least that settings can say."""

    @pytest.fixture
    def provider(self, cluster: Cluster, vault: VaultInMemory) -> ProviderUnderTest:

        def spoil(subject: Subject) -> None:
            for name in vault.roles:
                if f".{subject.namespace}.{subject.name}_" in name:
                    vault.roles[name] = {**vault.roles[name], "template": "", "client_id": "other"}

        return ProviderUnderTest(
            PLUGIN,
            {"address": vault.url},
            cluster,
            objects=vault.contents,
            rotate=lambda overlap: vault.keys.rotate(overlap=overlap),
            spoil=spoil,
            refusal=vault_refusal,
            refusal_code="status 400",
        )


def test_it_is_found_by_its_type() -> None:
    """`spec.type: hashicorp.vault`."""
    assert load("hashicorp.vault") is PLUGIN

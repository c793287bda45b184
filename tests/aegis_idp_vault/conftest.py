"""A cluster, a Vault in memory that trusts it, and the plugin's settings for it."""

from collections.abc import Iterator
from typing import Any

import pytest

from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp_vault import PLUGIN
from support.vault_in_memory import VaultInMemory


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(public=True) as cluster:
        yield cluster


@pytest.fixture
def vault(cluster: Cluster) -> Iterator[VaultInMemory]:
    with VaultInMemory(cluster, HOST) as vault:
        yield vault


@pytest.fixture
def config(vault: VaultInMemory) -> dict[str, Any]:
    """What a test may change before it asks for `provider`."""
    return {"address": vault.url, "accessor": vault.accessor}


@pytest.fixture
def provider(cluster: Cluster, vault: VaultInMemory, config: dict[str, Any]) -> ProviderUnderTest:
    return ProviderUnderTest(PLUGIN, config, cluster, objects=vault.contents)

"""A real Vault that is sealed, stopped, slow or gone: what the plugin says, and that it says it in time."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from attrs import evolve

from aegis_api.names import Subject
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp.errors import ProviderError, Unavailable
from aegis_idp.values import KeySetUrl
from aegis_idp_vault import PLUGIN
from aegis_proxy.core.keys import read_key_set
from servers.build import programs
from servers.vault import VaultServer

pytestmark = pytest.mark.servers

ORDERS = Subject("shop", "orders")
PATIENCE = 1.0


@pytest.fixture
def provider(own_vault: VaultServer) -> Iterator[ProviderUnderTest]:
    with Cluster(public=True) as cluster:
        config = {"jwks_url": cluster.jwks_uri, "bound_issuer": cluster.issuer}
        mount = own_vault.trust_cluster(config, HOST)
        settings = {"address": own_vault.url, "mount": mount.path, "accessor": mount.accessor}
        provider = ProviderUnderTest(PLUGIN, settings, cluster, http=BlockingHttp(seconds=PATIENCE))
        evolve(provider, http=BlockingHttp()).make_known(ORDERS)
        yield provider


def _troubles(provider: ProviderUnderTest) -> list[ProviderError]:
    """What each question of the plugin raises."""
    request = provider.request(ORDERS)
    found: list[ProviderError] = []
    for question in (
        PLUGIN.acquire(provider.settings, provider.mounts(ORDERS).request("aegis"), provider.http),
        PLUGIN.trust(provider.settings, provider.http),
        PLUGIN.provision(provider.settings, request, provider.http),
        PLUGIN.deprovision(provider.settings, request, provider.http),
    ):
        with pytest.raises(Unavailable) as caught:
            run(question)
        found.append(caught.value)
    return found


def test_a_sealed_vault(provider: ProviderUnderTest, own_vault: VaultServer) -> None:
    """It passes, and somebody has to do something."""
    own_vault.ask("POST", "sys/seal", {})
    assert ["unseal it" in str(error) for error in _troubles(provider)] == [True] * 4


def test_a_vault_that_is_down(provider: ProviderUnderTest, own_vault: VaultServer) -> None:
    """It passes; and nothing is lost of what was made."""
    own_vault.process.stop()
    assert all("no answer" in str(error) for error in _troubles(provider))


def test_a_vault_that_hangs(provider: ProviderUnderTest, own_vault: VaultServer) -> None:
    """The client's patience ends, and with Vault awake again the same calls go through."""
    pid = own_vault.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert all("no answer" in str(error) for error in _troubles(provider))
        assert time.monotonic() - started < 30 * PATIENCE
    finally:
        os.kill(pid, signal.SIGCONT)
    patient = evolve(provider, http=BlockingHttp())
    patient.make_known(ORDERS)
    request = patient.mounts(ORDERS).request("aegis")
    assert run(PLUGIN.acquire(patient.settings, request, patient.http)).reveal()


def test_keys_are_there_with_the_first_role_and_stay(provider: ProviderUnderTest, own_vault: VaultServer) -> None:
    """A callee that starts before the first identity sees no keys. Those of the key `default` do not go with a role."""
    with VaultServer(programs("vault")["vault"], own_vault.process.log.with_name("empty.log")) as empty:
        none = empty.ask("GET", "identity/oidc/.well-known/keys")
        assert read_key_set(none, frozenset({"RS256"})).empty
    patient = evolve(provider, http=BlockingHttp())
    run(PLUGIN.deprovision(patient.settings, patient.request(ORDERS), patient.http))
    assert own_vault.keys("identity/oidc/role") == []
    trust = run(PLUGIN.trust(patient.settings, patient.http))
    assert isinstance(trust.key_set, KeySetUrl)
    document = run(patient.http.request("GET", trust.key_set.url)).json_object("keys")
    keys = read_key_set(document, trust.algorithms)
    assert keys.by_kid
    assert keys.dropped == ()

"""An Identity that moves between real plugins, broken off after each request to a provider in turn."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from attrs import define

from aegis_idp import discovery
from aegis_idp.blocking import run
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp.errors import ProviderError, Unavailable
from aegis_idp.http import Http, Response
from aegis_idp_oidc import PLUGIN as OIDC
from aegis_idp_vault import PLUGIN as VAULT
from aegis_reconcile.asking import Asker
from aegis_reconcile.events import Everything, OneObject
from aegis_reconcile.host import Host
from aegis_reconcile.objects import IDENTITY, IDENTITY_PROVIDER
from aegis_reconcile.reconciler import Reconciler
from support.keycloak_server import KeycloakServer
from support.memory_cluster import MemoryCluster
from support.provisioning_mesh import ORDERS, HostAccount
from support.vault_in_memory import VaultInMemory

MOST_REQUESTS = 40


@define
class Breaking:
    """A client that fails after `left` more requests: the last one reaches the server, and nobody hears of it."""

    http: Http
    left: int = MOST_REQUESTS * 10

    @property
    def api_server(self) -> str | None:
        return self.http.api_server

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        self.left -= 1
        if self.left < -1:
            raise Unavailable("connection refused")
        answer = await self.http.request(method, url, headers=headers, body=body, as_pod=as_pod)
        if self.left < 0:
            raise Unavailable("connection reset")
        return answer


@pytest.fixture
def providers() -> Iterator[dict[str, ProviderUnderTest]]:
    """`vault` and `keycloak`, which trust one cluster."""
    with (
        Cluster(public=True) as cluster,
        VaultInMemory(cluster, HOST) as vault,
        KeycloakServer(cluster, manager=str(HOST)) as keycloak,
    ):
        config = {
            "issuer": keycloak.issuer,
            "grant": "client_assertion",
            "keycloak": {},
            "audienceParameter": "none",
            "subjectClaim": "azp",
            "subjectTemplate": "aegis.test.{namespace}.{name}",
        }
        yield {
            "vault": ProviderUnderTest(VAULT, {"address": vault.url}, cluster, objects=vault.contents),
            "keycloak": ProviderUnderTest(
                OIDC, config, cluster, objects=lambda: (sorted(keycloak.clients), sorted(keycloak.scopes))
            ),
        }


TYPES = {"vault": "hashicorp.vault", "keycloak": "oidc"}


class Mover:
    """One Identity, and the function with a client that breaks."""

    def __init__(self, providers: Mapping[str, ProviderUnderTest]) -> None:
        self.providers = providers
        cluster = providers["vault"].cluster
        self.http = Breaking(providers["vault"].http)
        self.cluster = MemoryCluster("shop")
        host = Host(HostAccount(cluster), lambda: 0.0, Path("/nonexistent"))
        asker = Asker(self.http, host, discovery.load)
        self.reconciler = Reconciler(self.cluster, asker, lambda: "2026-01-01T00:00:00Z")
        for name, provider in providers.items():
            spec = {"type": TYPES[name], "audience": "aegis", "config": dict(provider.config)}
            self.cluster.put(IDENTITY_PROVIDER, name, "shop", spec=spec)

    def move(self, name: str) -> None:
        self.key = self.cluster.put(IDENTITY, ORDERS.name, "shop", spec={"provider": name})

    def told(self) -> None:
        self.reconciler.reconcile(OneObject(self.key))

    def tick(self) -> None:
        self.reconciler.reconcile(Everything())

    def gives_a_token(self, name: str) -> bool:
        provider = self.providers[name]
        try:
            run(
                provider.plugin.acquire(
                    provider.settings, provider.mounts(ORDERS).request("aegis"), provider.cluster.http()
                )
            )
        except ProviderError:
            return False
        return True


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("old", "new"), [("vault", "keycloak"), ("keycloak", "vault")])
def test_r02_a_move_that_breaks_off_after_any_request_is_finished(
    providers: dict[str, ProviderUnderTest], old: str, new: str
) -> None:
    """At each moment the pods get tokens at one of both; in the end all is at the new one, and nothing at the old."""
    here, there = providers[old], providers[new]
    # Vault keeps an entity of whoever has logged in once, the function included.
    providers["vault"].made(ORDERS)
    run(VAULT.deprovision(providers["vault"].settings, providers["vault"].request(ORDERS), providers["vault"].http))
    nothing_here, nothing_there = here.objects(), there.objects()
    for requests in range(MOST_REQUESTS):
        mover = Mover(providers)
        mover.move(old)
        mover.tick()
        assert mover.gives_a_token(old)
        mover.http.left = requests
        mover.move(new)
        mover.told()
        finished = mover.http.left >= 0
        mover.http.left = MOST_REQUESTS * 10
        # In this order: a login at a Vault that no longer knows the pod leaves a trace of its own.
        assert mover.gives_a_token(new) or mover.gives_a_token(old), f"after {requests} requests"
        mover.tick()
        assert mover.cluster.condition(mover.key, "Ready") == ("True", "Ready")
        assert mover.cluster.condition(mover.key, "Provisioned") == ("True", "Provisioned")
        mark = mover.cluster.objects[mover.key]["metadata"]["annotations"]["aegisproxy.io/provisioned-by"]
        assert mark == f"IdentityProvider/{new}"
        assert here.objects() == nothing_here, f"left behind after {requests} requests"
        assert mover.gives_a_token(new)
        mover.cluster.remove(mover.key)
        mover.told()
        assert mover.key not in mover.cluster.objects
        assert there.objects() == nothing_there
        if finished:
            break
    else:
        raise AssertionError("a move has no end")
    assert requests > 8, "a move takes requests to both"

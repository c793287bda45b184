"""A mesh that moves from one provider to another under traffic, every part of it as a process of its own.

From the cluster's own tokens to those of an OpenID Connect server, and back. tests/integration/servers does the same
with Vault, at which something is made for each identity.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aegis_idp.conformance.loopback import Answer, LoopbackServer
from servers.deployment import MeshNamespace, install
from servers.reconcile_function import ReconcileProcess
from servers.sidecar import Sidecar
from servers.traffic import Traffic
from servers.webhook_function import WebhookFunction
from support.admission import pod
from support.api_server import ApiServer
from support.kube_client import Object, path_of
from support.oidc_server import OidcServer, TrustedIssuer
from support.recording_origin import RecordingOrigin
from support.waiting import eventually

SECONDS = 300.0


@pytest.fixture(scope="module")
def function(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReconcileProcess]:
    """The control plane: the webhook, which the API server calls, and the reconcile function."""
    install(api_server)
    with (
        WebhookFunction(api_server, tmp_path_factory.mktemp("tls")) as webhook,
        webhook.registered(),
        ReconcileProcess(api_server) as started,
    ):
        yield started


@pytest.fixture
def oidc(api_server: ApiServer) -> Iterator[OidcServer]:
    """A server that takes the cluster's ServiceAccount tokens as grants, by the keys that were published to it."""
    keys = api_server.client.get("/openid/v1/jwks").ok()
    with (
        LoopbackServer(lambda _: Answer.json(200, keys)) as published,
        OidcServer(
            audiences=frozenset({"new-mesh"}), trusted=TrustedIssuer(api_server.issuer, published.url)
        ) as server,
    ):
        yield server


class Shop(MeshNamespace):
    """The provider `old` is the cluster, `new` a server. The service `orders` lets `caller` GET /orders."""

    def __init__(self, function: ReconcileProcess, name: str, oidc: OidcServer, folder: Path, stack: ExitStack) -> None:
        super().__init__(function.cluster.client, name)
        self.function = function
        self._folder, self._stack = folder, stack
        config = {"issuer": oidc.issuer, "grant": "jwt_bearer", "audienceParameter": "audience"}
        self.put("IdentityProvider", "new", {"type": "oidc", "audience": "new-mesh", "config": config})
        self.put("IdentityProvider", "old", {"type": "kubernetes", "audience": "old-mesh"})
        self.policy("orders", {"identities": ["caller"], "methods": ["GET"], "paths": ["/orders"]})
        self.host = f"orders.{name}.svc"
        for identity in ("caller", "orders"):
            self.move(identity, "old")

    def move(self, identity: str, provider: str) -> str:
        """Has the Identity be at that provider; its path."""
        return self.put("Identity", identity, {"provider": provider, "egress": {"hosts": [self.host]}})

    def converged(self, done: Callable[[], bool]) -> None:
        """Ticks until it is so."""
        eventually(lambda: self.function.tick() and done(), SECONDS)

    def sidecar(self, name: str, annotations: dict[str, str], app: int = 9, orders: int = 9) -> Sidecar:
        """The injected proxy of a new pod of that name, with the identity and rights that it names; ready."""
        document = pod({"redirect": "none", **annotations})
        document["metadata"]["name"] = name
        # The webhook remembers for some seconds where an Identity was.
        stored: Object = eventually(lambda: answer.body if (answer := self.create_pod(document)).status == 201 else {})
        role = f"aegis-proxy-{stored['spec']['serviceAccountName']}"
        path = path_of("rbac.authorization.k8s.io/v1", "roles", role, self.name)
        self.converged(lambda: self.client.get(path).status == 200)
        (self._folder / name).mkdir()
        started = Sidecar(
            self.function.cluster,
            stored,
            self._folder / name,
            app,
            destinations={f"{self.host}:80": orders},
        )
        proxy = self._stack.enter_context(started)
        proxy.wait_until_ready()
        return proxy

    def serving(self, name: str, providers: str, app: int) -> Sidecar:
        """A pod of the service `orders` that accepts these providers."""
        ingress = {"ingress": "true", "ingress.port": "8080", "ingress.policy": "orders"}
        return self.sidecar(name, {**ingress, "identity": "orders", "identity.provider": providers}, app)


def test_a_mesh_moves_and_not_one_request_is_refused(
    function: ReconcileProcess, namespace: str, oidc: OidcServer, tmp_path: Path
) -> None:
    """There and back; the policy stays what it is. Taken from the list, the old provider vouches for nobody."""
    with ExitStack() as stack:
        app = stack.enter_context(RecordingOrigin())
        shop = Shop(function, namespace, oidc, tmp_path, stack)
        policy = shop.client.get(shop.path("IngressPolicy", "orders")).ok()["metadata"]["generation"]
        identities = [shop.path("Identity", name) for name in ("caller", "orders")]
        shop.converged(lambda: all(shop.condition(path) == "True" for path in identities))
        both = shop.serving("orders-1", "old,new", app.port)
        egress = {"egress": "true", "identity": "caller", "identity.provider": "old,new"}
        calling = shop.sidecar("caller", egress, orders=both.port("ingress"))

        def send() -> int:
            return calling.send(f"http://{shop.host}/orders/7", shop.host).status

        def arrived(provider: str) -> bool:
            """Whether the caller sends tokens of that provider, and no others any more."""
            before = both.vouched()
            traffic.more()
            new = both.vouched() - before
            return set(new) == {provider} and calling.describe()["leaving"] is None

        with Traffic(send) as traffic:
            assert arrived("old")
            old_token = calling.tokens["old-mesh"]
            shop.move("caller", "new")
            traffic.more()
            shop.converged(lambda: arrived("new"))
            shop.move("orders", "new")
            shop.converged(lambda: all(shop.status(path).get("provider") == "oidc" for path in identities))
            shop.move("caller", "old")
            shop.converged(lambda: arrived("old"))
            shop.move("caller", "new")
            shop.converged(lambda: arrived("new"))
            assert both.call(old_token, "/orders").status == 200
        assert set(traffic.answers) == {200}, traffic.answers
        assert both.refusals() == Counter()

        alone = shop.serving("orders-2", "new", app.port)
        moved = shop.sidecar("caller-2", {**egress, "identity.provider": "new"}, orders=alone.port("ingress"))
        assert moved.send(f"http://{shop.host}/orders/7", shop.host).status == 200
        assert alone.call(old_token, "/orders").status == 401
        assert alone.refusals() == Counter(unknown_issuer=1)
        assert {request.value(b"x-aegis-identity") for request in app.requests} == {
            f"system:serviceaccount:{namespace}:caller".encode()
        }
        assert shop.client.get(shop.path("IngressPolicy", "orders")).ok()["metadata"]["generation"] == policy

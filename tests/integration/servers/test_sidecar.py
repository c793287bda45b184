"""The whole mesh on a real control plane: an annotated pod, its rights, and its proxy at work.

The API server calls the webhook, Knative's sources feed the reconcile function, and the proxy runs as the stored pod
says, with the ServiceAccount of the pod and the Role that the function made.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.control_plane import ControlPlane
from servers.deployment import RBAC, UserNamespace
from servers.gate import Gate
from servers.sidecar import Sidecar
from support.admission import pod
from support.kube_client import Answer, Object, path_of
from support.recording_origin import RecordingOrigin
from support.waiting import eventually

pytestmark = pytest.mark.servers

INGRESS = {"ingress": "true", "ingress.port": "8080", "redirect": "none"}


class Shop(UserNamespace):
    """A namespace whose identity `caller` calls, and whose pods serve."""

    def __init__(self, cluster: ControlPlane, name: str) -> None:
        super().__init__(cluster, name)
        self.account("default")
        self.put("IdentityProvider", "local", {"type": "kubernetes", "audience": "aegis"})
        self.identity("caller")

    def identity(self, name: str, hosts: list[str] | None = None) -> None:
        """An Identity, and its ServiceAccount as the function makes it."""
        egress = {} if hosts is None else {"egress": {"hosts": hosts}}
        self.put("Identity", name, {"provider": "local", **egress})
        eventually(lambda: self.client.get(path_of("v1", "serviceaccounts", name, self.name)).status == 200)

    def allow(self, name: str, path: str = "/", identities: tuple[str, ...] = ("caller",)) -> str:
        """A policy that lets these identities GET below that path; the path of the policy."""
        return self.policy(name, {"identities": list(identities), "methods": ["GET"], "paths": [path]})

    def pod(self, name: str, **annotations: str) -> Object:
        """Creates a pod, and waits for the rights of its proxy. As stored, injected."""
        document = pod({key.replace("_", "."): value for key, value in annotations.items()})
        document["metadata"]["name"] = name
        stored: Object = self.create_pod(document).ok()
        account = stored["spec"]["serviceAccountName"]
        role = path_of(RBAC, "rolebindings", f"aegis-proxy-{account}", self.name)
        eventually(lambda: self.client.get(role).status == 200)
        return stored

    def orders(self, **annotations: str) -> Object:
        """The pod `orders`: it serves by the policy `orders`, as the identity `orders`."""
        self.identity("orders")
        return self.pod("orders", **{**INGRESS, "ingress.policy": "orders", "identity": "orders", **annotations})

    def token(self, name: str = "caller", audience: str = "aegis") -> str:
        """A token of that ServiceAccount."""
        return self.cluster.token(self.name, name, [audience])


@pytest.fixture
def shop(mesh: ControlPlane, namespace: str) -> Shop:
    return Shop(mesh, namespace)


@pytest.fixture
def app() -> Iterator[RecordingOrigin]:
    """What the pod serves."""
    with RecordingOrigin() as origin:
        yield origin


def forbidden(answer: Answer) -> bool:
    """Whether it is a 403 of Kubernetes."""
    return (answer.status, answer.reason) == (403, "Forbidden")


def test_x20_proxy_reads_its_own_objects_and_nothing_else(shop: Shop) -> None:
    """By the Role that the function made: its own by field selector; its neighbour's and another namespace's not."""
    shop.allow("orders")
    shop.orders()
    shop.identity("cart")
    shop.allow("cart")
    shop.pod("cart", **{**INGRESS, "ingress.policy": "cart", "identity": "cart"})
    shop.put("IdentityProvider", "another", {"type": "kubernetes", "audience": "aegis"})
    proxy = shop.cluster.client_of(shop.name, "orders")
    own = {"IngressPolicy": "orders", "Identity": "orders", "IdentityProvider": "local"}
    others = {"IngressPolicy": "cart", "Identity": "cart", "IdentityProvider": "another"}
    elsewhere = UserNamespace(shop.cluster, "default")
    eventually(lambda: proxy.get(shop.path("IngressPolicy", "orders")).status == 200)
    for kind, name in own.items():
        collection, selector = shop.path(kind), {"fieldSelector": f"metadata.name={name}"}
        listed = proxy.get(collection, **selector).ok()
        assert [item["metadata"]["name"] for item in listed["items"]] == [name]
        with proxy.watch(collection, seconds=5, **selector) as events:
            assert next(events)["object"]["metadata"]["name"] == name
        assert forbidden(proxy.get(collection))
        assert forbidden(proxy.get(collection, watch=True))
        assert forbidden(proxy.get(elsewhere.path(kind), **selector))
        assert forbidden(proxy.get(elsewhere.path(kind, name)))
        assert forbidden(proxy.patch(shop.path(kind, name), {"spec": {}}))
    for kind, name in others.items():
        assert forbidden(proxy.get(shop.path(kind, name)))
        assert forbidden(proxy.get(shop.path(kind), fieldSelector=f"metadata.name={name}"))
        assert forbidden(proxy.get(shop.path(kind), fieldSelector=f"metadata.name={name}", watch=True))
    for plural in ("secrets", "pods", "serviceaccounts"):
        assert forbidden(proxy.get(path_of("v1", plural, namespace=shop.name)))


def test_injected_proxy_enforces_the_policy(shop: Shop, app: RecordingOrigin, tmp_path: Path) -> None:
    """Ready from real watches, it judges real tokens by the keys of the API server's own discovery."""
    shop.allow("orders", "/orders")
    shop.identity("stranger")
    with Sidecar(shop.cluster, shop.orders(), tmp_path, app.port) as proxy:
        proxy.wait_until_ready()
        anonymous = proxy.call(target="/orders")
        assert anonymous.status == 401
        assert (anonymous.value(b"www-authenticate") or b"").startswith(b"Bearer")
        assert proxy.call(shop.token(), "/orders/1").status == 200
        assert proxy.call(shop.token(), "/").status == 403
        assert proxy.call(shop.token(), "/orders", "DELETE").status == 403
        assert proxy.call(shop.token("stranger"), "/orders").status == 403
        assert proxy.call(shop.token(audience="another"), "/orders").status == 401
        assert proxy.call(shop.cluster.token(shop.name, "caller"), "/orders").status == 401
        (received,) = app.requests
        assert received.target == b"/orders/1"
        assert received.value(b"x-aegis-identity") == f"system:serviceaccount:{shop.name}:caller".encode()
        assert received.value(b"authorization") is None


def test_x20_names_of_another_namespace_are_others(
    shop: Shop, app: RecordingOrigin, tmp_path: Path, mesh: ControlPlane
) -> None:
    """A ServiceAccount of the same name, with a good token of the same issuer, is somebody else."""
    mesh.client.create("/api/v1/namespaces", {"metadata": {"name": f"{shop.name}-b"}}).ok()
    other = Shop(mesh, f"{shop.name}-b")
    policy = shop.allow("orders")
    with Sidecar(mesh, shop.orders(), tmp_path, app.port) as proxy:
        proxy.wait_until_ready()
        assert proxy.call(shop.token()).status == 200
        assert proxy.call(other.token()).status == 403
        shop.allow("orders", identities=(f"{other.name}/caller",))
        eventually(lambda: proxy.may(other.token()))
        assert proxy.call(shop.token()).status == 403
        shop.client.delete(policy).ok()
        other.allow("orders", identities=("*",))
        eventually(lambda: proxy.call(other.token()).status == 403)
    mesh.client.delete(path_of("v1", "namespaces", other.name)).ok()


def test_x04_policy_is_edited_and_deleted_live(shop: Shop, app: RecordingOrigin, tmp_path: Path) -> None:
    """The verdict follows without a restart; a deleted policy denies what it allowed."""
    policy = shop.allow("orders", "/a")
    token = shop.token()
    with Sidecar(shop.cluster, shop.orders(), tmp_path, app.port) as proxy:
        proxy.wait_until_ready()
        assert (proxy.may(token, "/a"), proxy.may(token, "/b")) == (True, False)
        shop.allow("orders", "/b")
        eventually(lambda: proxy.may(token, "/b"))
        assert proxy.call(token, "/a").status == 403
        shop.client.delete(policy).ok()
        eventually(lambda: not proxy.may(token, "/b"))
        assert proxy.call(token, "/b").status == 403
        assert not proxy.ready()
        shop.allow("orders", "/c")
        eventually(lambda: proxy.may(token, "/c"))
        assert proxy.call(token, "/b").status == 403


def test_x03_policy_that_is_not_there_denies(shop: Shop, app: RecordingOrigin, tmp_path: Path) -> None:
    """A pod may come before its policy: until then it is not ready, and lets nobody in."""
    token = shop.token()
    with Sidecar(shop.cluster, shop.orders(), tmp_path, app.port) as proxy:
        eventually(lambda: proxy.describe()["missing"] == ["policy"])
        assert proxy.call(token).status == 403
        assert app.requests == []
        shop.allow("orders")
        eventually(lambda: proxy.may(token))
        proxy.wait_until_ready()


def test_x05_pod_without_a_policy_denies(shop: Shop, app: RecordingOrigin, tmp_path: Path) -> None:
    """No annotation names a policy: a good token alone opens nothing, whatever policies the namespace has."""
    shop.allow("orders")
    shop.identity("orders")
    stored = shop.pod("orders", **{**INGRESS, "identity": "orders"})
    with Sidecar(shop.cluster, stored, tmp_path, app.port) as proxy:
        eventually(lambda: proxy.call(shop.token()).status == 403)
        assert proxy.call().status == 401
        assert app.requests == []


def test_x06_watch_that_ended_with_410_goes_on(shop: Shop, app: RecordingOrigin, tmp_path: Path) -> None:
    """What changed while the connection was cut, and its resourceVersion expired, is enforced once it is back."""
    shop.allow("orders", "/a")
    token = shop.token()
    with (
        Gate(shop.cluster.port) as gate,
        Sidecar(shop.cluster, shop.orders(), tmp_path, app.port, gate.url) as proxy,
    ):
        proxy.wait_until_ready()
        gate.close()
        shop.allow("orders", "/b")
        shop.cluster.expire_resource_versions()
        assert (proxy.may(token, "/a"), proxy.may(token, "/b")) == (True, False)
        gate.open()
        eventually(lambda: proxy.may(token, "/b"), seconds=60)
        assert proxy.call(token, "/a").status == 403
        shop.allow("orders", "/c")
        eventually(lambda: proxy.may(token, "/c"))


def test_x06_restart_of_the_api_server_is_survived(shop: Shop, app: RecordingOrigin, tmp_path: Path) -> None:
    """While it is away the last good policy stays in force; then the proxy follows again."""
    shop.allow("orders", "/a")
    token = shop.token()
    with Sidecar(shop.cluster, shop.orders(), tmp_path, app.port) as proxy:
        proxy.wait_until_ready()
        shop.cluster.stop_api_server()
        try:
            assert (proxy.may(token, "/a"), proxy.may(token, "/b")) == (True, False)
            assert proxy.ready()
        finally:
            shop.cluster.start_api_server()
        shop.allow("orders", "/b")
        eventually(lambda: proxy.may(token, "/b"), seconds=60)
        assert proxy.call(token, "/a").status == 403


def test_egress_attaches_the_projected_token_to_hosts_of_the_rule(shop: Shop, tmp_path: Path) -> None:
    """The token goes to the Identity's hosts and nowhere else; without the Identity nothing goes there at all."""
    shop.identity("orders", ["cart.shop.svc"])
    stored = shop.pod("orders", egress="true", identity="orders", redirect="none")
    with RecordingOrigin() as inside, RecordingOrigin() as outside:
        destinations = {
            "cart.shop.svc:80": inside.port,
            "other.shop.svc:80": outside.port,
            "a.example:80": outside.port,
        }
        with Sidecar(shop.cluster, stored, tmp_path, destinations=destinations) as proxy:
            proxy.wait_until_ready()
            assert proxy.send("http://cart.shop.svc/x", "cart.shop.svc").status == 200
            (received,) = inside.requests
            assert received.value(b"authorization") == f"Bearer {proxy.tokens['aegis']}".encode()
            for host in ("other.shop.svc", "a.example"):
                assert proxy.send(f"http://{host}/", host).status == 200
            assert [request.value(b"authorization") for request in outside.requests] == [None, None]
            shop.client.delete(shop.path("Identity", "orders")).ok()
            eventually(lambda: proxy.send("http://cart.shop.svc/x", "cart.shop.svc").status == 503)
            assert all(request.value(b"authorization") for request in inside.requests)

"""The mesh with Vault, all of it real: API server, webhook, reconcile function, sidecars, Vault.

The reconcile function shows Vault a token of its own ServiceAccount, and sidecars those that the API server projects.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aegis_api.names import Subject
from servers.control_plane import ControlPlane
from servers.deployment import SYSTEM, UserNamespace
from servers.sidecar import Sidecar
from servers.traffic import Traffic
from servers.vault import Mount, VaultServer, clear
from support.admission import pod
from support.kube_client import Object
from support.recording_origin import RecordingOrigin
from support.waiting import eventually

pytestmark = pytest.mark.servers

RECONCILE = Subject(SYSTEM, "aegis-reconcile")
INGRESS = {"ingress": "true", "ingress.port": "8080", "redirect": "none"}


@pytest.fixture
def mount(mesh: ControlPlane, vault_server: VaultServer) -> Iterator[Mount]:
    """An auth method that trusts the control plane by its public key."""
    key = mesh.signing_key.with_suffix(".pub").read_text()
    config = {"jwt_validation_pubkeys": [key], "bound_issuer": mesh.issuer}
    mount = vault_server.trust_cluster(config, RECONCILE)
    yield mount
    clear(vault_server, mount)


class Shop(UserNamespace):
    """A namespace whose provider is Vault."""

    def __init__(self, cluster: ControlPlane, name: str, vault: VaultServer, mount: Mount, **spec: Any) -> None:
        super().__init__(cluster, name)
        self.account("default")
        config = {"address": vault.url, "mount": mount.path, "accessor": mount.accessor}
        self.put(
            "IdentityProvider", "vault", {"type": "hashicorp.vault", "audience": "aegis", "config": config, **spec}
        )

    def identity(self, name: str, *hosts: str) -> str:
        """An Identity that is Ready; its path."""
        path = self.put("Identity", name, {"provider": "vault", "egress": {"hosts": list(hosts)}})
        eventually(lambda: self.condition(path) == "True", 60)
        return path

    def pod(self, name: str, **annotations: str) -> Object:
        """The pod of the identity of that name, as stored, injected."""
        document = pod({"identity": name, **{key.replace("_", "."): value for key, value in annotations.items()}})
        document["metadata"]["name"] = name
        stored: Object = self.create_pod(document).ok()
        return stored


def _roles(vault: VaultServer, namespace: str) -> list[str]:
    """Whose roles there are, by name and the number of audiences."""
    names = [name.partition(f".{namespace}.")[2].partition("_")[0] for name in vault.keys("identity/oidc/role")]
    return sorted(filter(None, names))


def test_from_an_identity_to_a_request_that_is_let_through(
    mesh: ControlPlane, namespace: str, vault_server: VaultServer, mount: Mount, tmp_path: Path
) -> None:
    """The caller's sidecar gets a token of Vault, and the callee's judges it; deleted, nothing is left in Vault."""
    shop = Shop(mesh, namespace, vault_server, mount)
    caller, callee = shop.identity("caller", f"orders.{namespace}.svc"), shop.identity("orders")
    assert _roles(vault_server, namespace) == ["caller", "orders"]
    shop.policy("orders", {"identities": ["caller"], "methods": ["GET"], "paths": ["/orders"]})
    pods = [
        shop.pod("orders", **INGRESS, ingress_policy="orders"),
        shop.pod("caller", egress="true", redirect="none"),
    ]
    with ExitStack() as stack:
        app = stack.enter_context(RecordingOrigin())
        serving = stack.enter_context(Sidecar(mesh, pods[0], _folder(tmp_path, "orders"), app.port))
        serving.wait_until_ready()
        port = int(serving.events("listening")[0]["ingress"].rpartition(":")[2])
        destinations = {f"orders.{namespace}.svc:80": port}
        calling = stack.enter_context(Sidecar(mesh, pods[1], _folder(tmp_path, "caller"), destinations=destinations))
        calling.wait_until_ready()
        host = f"orders.{namespace}.svc"
        assert calling.send(f"http://{host}/orders/7", host).status == 200
        assert calling.send(f"http://{host}/admin", host).status == 403
        (received,) = app.requests
        assert received.value(b"x-aegis-identity") == f"system:serviceaccount:{namespace}:caller".encode()
        assert serving.call(mesh.token(namespace, "caller", ["aegis"]), "/orders").status == 401
        mesh.client.delete(caller).ok()
        mesh.client.delete(callee).ok()
        eventually(lambda: _roles(vault_server, namespace) == [], 60)
        assert mesh.client.get(caller).status == 404
        eventually(lambda: calling.send(f"http://{host}/orders/7", host).status == 503)


def test_a_token_for_one_service_is_refused_by_the_next(
    mesh: ControlPlane, namespace: str, vault_server: VaultServer, mount: Mount, tmp_path: Path
) -> None:
    """With an audience per destination."""
    shop = Shop(mesh, namespace, vault_server, mount, audiencePerDestination=True)
    here, there = f"orders.{namespace}.svc", f"stock.{namespace}.svc"
    shop.identity("caller", here, there)
    assert _roles(vault_server, namespace) == ["caller", "caller"]
    stored = shop.pod("caller", egress="true", redirect="none")
    shop.identity("orders")
    shop.policy("orders", {"identities": ["caller"], "methods": ["GET"], "paths": ["/"]})
    receiving = shop.pod("orders", **INGRESS, **{"ingress.policy": "orders", "ingress.hosts": here})
    with ExitStack() as stack:
        apps = [stack.enter_context(RecordingOrigin()) for _ in range(3)]
        destinations = {f"{here}:80": apps[0].port, f"{there}:80": apps[1].port}
        calling = stack.enter_context(Sidecar(mesh, stored, _folder(tmp_path, "caller"), destinations=destinations))
        serving = stack.enter_context(Sidecar(mesh, receiving, _folder(tmp_path, "orders"), apps[2].port))
        calling.wait_until_ready()
        serving.wait_until_ready()
        tokens = []
        for host, app in ((here, apps[0]), (there, apps[1])):
            assert calling.send(f"http://{host}/", host).status == 200
            tokens.append((app.requests[0].value(b"authorization") or b"").decode().removeprefix("Bearer "))
        assert [serving.call(token).status for token in tokens] == [200, 401]


def test_a_mesh_moves_to_vault_and_back_and_not_one_request_is_refused(
    mesh: ControlPlane, namespace: str, vault_server: VaultServer, mount: Mount, tmp_path: Path
) -> None:
    """From the cluster's own tokens, under traffic. What Vault had for the identity goes, and the policy stays."""
    shop = Shop(mesh, namespace, vault_server, mount)
    shop.put("IdentityProvider", "old", {"type": "kubernetes", "audience": "old-mesh"})
    host = f"orders.{namespace}.svc"
    spec = {"egress": {"hosts": [host]}}

    def move(name: str, provider: str) -> str:
        return shop.put("Identity", name, {**spec, "provider": provider})

    identities = [move(name, "old") for name in ("caller", "orders")]
    eventually(lambda: all(shop.condition(path) == "True" for path in identities), 60)
    shop.policy("orders", {"identities": ["caller"], "methods": ["GET"], "paths": ["/orders"]})
    both = {"identity.provider": "old,vault"}
    pods = [
        shop.pod("orders", **INGRESS, ingress_policy="orders", **both),
        shop.pod("caller", egress="true", redirect="none", **both),
    ]
    with ExitStack() as stack:
        app = stack.enter_context(RecordingOrigin())
        serving = stack.enter_context(Sidecar(mesh, pods[0], _folder(tmp_path, "orders"), app.port))
        serving.wait_until_ready()
        destinations = {f"{host}:80": serving.port("ingress")}
        calling = stack.enter_context(Sidecar(mesh, pods[1], _folder(tmp_path, "caller"), destinations=destinations))
        calling.wait_until_ready()

        def arrived(provider: str) -> bool:
            before = serving.vouched()
            traffic.more()
            return set(serving.vouched() - before) == {provider}

        with Traffic(lambda: calling.send(f"http://{host}/orders/7", host).status) as traffic:
            assert arrived("old")
            move("caller", "vault")
            eventually(lambda: arrived("vault"), 300)
            assert _roles(vault_server, namespace) == ["caller"]
            move("caller", "old")
            eventually(lambda: arrived("old"), 300)
            eventually(lambda: _roles(vault_server, namespace) == [], 60)
            traffic.more()
        assert set(traffic.answers) == {200}, traffic.answers
        assert serving.refusals() == Counter()
        assert calling.describe()["leaving"] is None


def test_a_vault_that_is_away_keeps_what_was_made(
    mesh: ControlPlane, namespace: str, vault_server: VaultServer, mount: Mount
) -> None:
    """An Identity that is deleted meanwhile waits, and says for what; it goes when Vault lets the function in again."""
    shop = Shop(mesh, namespace, vault_server, mount)
    path = shop.identity("caller")
    role = vault_server.data(f"auth/{mount.path}/role/aegis-reconcile")
    vault_server.ask("DELETE", f"auth/{mount.path}/role/aegis-reconcile")
    mesh.client.delete(path).ok()

    def waits() -> bool:
        conditions = {item["type"]: item for item in shop.status(path)["conditions"]}
        said = conditions["Ready"]["message"]
        return "could not be found; make the role aegis-reconcile at auth/" in said and "deletion-policy=Orphan" in said

    eventually(waits, 60)
    assert _roles(vault_server, namespace) == ["caller"]
    vault_server.ask("POST", f"auth/{mount.path}/role/aegis-reconcile", role)
    eventually(lambda: mesh.client.get(path).status == 404, 60)
    assert _roles(vault_server, namespace) == []


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name

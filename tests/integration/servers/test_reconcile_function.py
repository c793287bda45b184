"""The deployed reconcile function, fed by Knative's own sources as `knative/60-events.yaml` says, on a real API server.

The sources lose events in more than one way; each test loses some, and the tick heals it.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from servers.control_plane import ControlPlane
from servers.gate import Gate
from servers.knative_sources import ApiServerSource, PingSources, install_source_crds
from servers.processes import ServerProcess, free_port
from support.kube_client import Object, path_of
from support.waiting import eventually

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[3]
MESH = "aegis.aegisproxy.io/v1"
READY_SECONDS = 30.0


def manifest(name: str) -> list[Object]:
    return list(yaml.safe_load_all((ROOT / "knative" / name).read_text()))


class Mesh:
    """The function as a process, with the account and the rights of its manifest; and users of one namespace."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.source, self.tick = manifest("60-events.yaml")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        kubeconfig = cluster.service_account_kubeconfig("aegis-system", "aegis-reconcile")
        self.process = ServerProcess(
            [sys.executable, "-m", "aegis_reconcile"],
            cluster.log_of("aegis-reconcile"),
            {"KUBECONFIG": str(kubeconfig), "PORT": str(port), "HOST": "127.0.0.1"},
        )

    def start(self) -> None:
        self.process.start()
        self.process.wait_until(self._healthy, READY_SECONDS)

    def _healthy(self) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def events(self, server: str | None = None) -> ApiServerSource:
        """The deployed ApiServerSource; `server` is a detour to the API server."""
        return ApiServerSource(self.cluster, self.source, self.url, server)

    def ticking(self, pings: PingSources) -> None:
        """The deployed PingSource, at another pace."""
        pings.schedule({**self.tick, "spec": {**self.tick["spec"], "schedule": "*/2 * * * * *"}}, self.url)

    def path(self, plural: str, name: str, subresource: str | None = None) -> str:
        return path_of(MESH, plural, name, self.namespace, subresource)

    def put(self, kind: str, name: str, spec: dict[str, Any]) -> str:
        """Writes an object as a user; the path of it."""
        plural = {"Identity": "identities", "IngressPolicy": "ingresspolicies"}.get(kind, kind.lower() + "s")
        body = {"apiVersion": MESH, "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.cluster.client.apply(self.path(plural, name), body, manager="user").ok()
        return self.path(plural, name)

    def condition(self, path: str, name: str = "Ready") -> str | None:
        found = self.cluster.client.get(path).ok().get("status", {}).get("conditions", [])
        return next((item["status"] for item in found if item["type"] == name), None)


@pytest.fixture
def mesh(real_control_plane: ControlPlane, namespace: str) -> Iterator[Mesh]:
    cluster = real_control_plane
    install_source_crds(cluster)
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        cluster.install_crd(yaml.safe_load(file.read_text()))
    for document in (*manifest("10-namespace.yaml"), *manifest("20-rights.yaml")):
        metadata, plural = document["metadata"], document["kind"].lower() + "s"
        path = path_of(document["apiVersion"], plural, metadata["name"], metadata.get("namespace"))
        cluster.client.apply(path, document, force=True).ok()
    found = Mesh(cluster, namespace)
    with ExitStack() as stack:
        stack.callback(found.process.stop)
        found.start()
        yield found


def test_events_converge_what_users_write(mesh: Mesh) -> None:
    """Objects in any order become Ready by real events, own writes included, and the events come to an end."""
    with mesh.events():
        identity = mesh.put("Identity", "cart", {"provider": "local"})
        policy = mesh.put("IngressPolicy", "policy", {"rules": []})
        eventually(lambda: mesh.condition(identity) == "False")
        provider = mesh.put("IdentityProvider", "local", {"type": "kubernetes", "audience": "aegis"})
        eventually(lambda: mesh.condition(provider) == "True" and mesh.condition(identity) == "True")
        eventually(lambda: mesh.condition(policy, "Accepted") == "True")
        read = mesh.cluster.client.get
        versions = [read(path).ok()["metadata"]["resourceVersion"] for path in (provider, identity, policy)]
        again = mesh.put("IngressPolicy", "another", {"rules": []})
        eventually(lambda: mesh.condition(again, "Accepted") == "True")
        assert [read(path).ok()["metadata"]["resourceVersion"] for path in (provider, identity, policy)] == versions


def test_injected_pods_bring_rights_and_take_them_along(mesh: Mesh) -> None:
    """The source hears of pods by their label alone."""
    client, space = mesh.cluster.client, mesh.namespace
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cart"}}
    client.apply(path_of("v1", "serviceaccounts", "cart", space), account).ok()
    container = {"name": "aegis-proxy", "image": "x", "env": [{"name": "AEGIS_POLICY", "value": "policy"}]}
    spec = {"serviceAccountName": "cart", "containers": [{"name": "app", "image": "x"}, container]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "cart-1", "labels": {"aegisproxy.io/injected": "true"}},
        "spec": spec,
    }
    role = path_of("rbac.authorization.k8s.io/v1", "roles", "aegis-proxy-cart", space)
    with mesh.events():
        client.apply(path_of("v1", "pods", "cart-1", space), pod).ok()
        eventually(lambda: client.get(role).status == 200)
        assert client.get(role).ok()["rules"][0]["resourceNames"] == ["policy"]
        client.delete(path_of("v1", "pods", "cart-1", space), gracePeriodSeconds=0).ok()
        eventually(lambda: client.get(role).status == 404)


def test_tick_heals_what_was_there_before_the_source(mesh: Mesh) -> None:
    """The source replays nothing at its start."""
    before = mesh.put("IngressPolicy", "before", {"rules": []})
    with mesh.events():
        after = mesh.put("IngressPolicy", "after", {"rules": []})
        eventually(lambda: mesh.condition(after, "Accepted") == "True")
        assert mesh.condition(before, "Accepted") is None
        with PingSources(mesh.cluster) as pings:
            mesh.ticking(pings)
            eventually(lambda: mesh.condition(before, "Accepted") == "True")


def test_tick_heals_what_410_lost(mesh: Mesh) -> None:
    """After an expired resourceVersion the source lists again and sends nothing of what it finds."""
    with Gate(mesh.cluster.port) as gate, mesh.events(gate.url) as source:
        gate.close()
        lost = mesh.put("IngressPolicy", "lost", {"rules": []})
        mesh.cluster.expire_resource_versions()
        position = mesh.cluster.audit_log.position()
        gate.open()
        source.wait_until_watching(position)
        seen = mesh.put("IngressPolicy", "seen", {"rules": []})
        eventually(lambda: mesh.condition(seen, "Accepted") == "True")
        assert mesh.condition(lost, "Accepted") is None
        with PingSources(mesh.cluster) as pings:
            mesh.ticking(pings)
            eventually(lambda: mesh.condition(lost, "Accepted") == "True")


def test_tick_heals_what_a_restart_of_the_source_lost(mesh: Mesh) -> None:
    """While the adapter is down nobody hears of anything."""
    with mesh.events() as source, PingSources(mesh.cluster) as pings:
        source.process.kill()
        lost = mesh.put("IngressPolicy", "lost", {"rules": []})
        source.start()
        mesh.ticking(pings)
        eventually(lambda: mesh.condition(lost, "Accepted") == "True")


def test_restart_of_the_function_is_bridged_by_retries(mesh: Mesh) -> None:
    """A source tries a function that is not there again for about three seconds."""
    with mesh.events(), PingSources(mesh.cluster) as pings:
        mesh.process.stop()
        policy = mesh.put("IngressPolicy", "policy", {"rules": []})
        mesh.start()
        mesh.ticking(pings)
        eventually(lambda: mesh.condition(policy, "Accepted") == "True")

"""Knative's own event sources on a real API server: what they deliver, and what they lose without a word."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from servers.control_plane import ControlPlane
from servers.gate import Gate
from servers.knative_sources import ApiServerSource, PingSources, install_source_crds
from support.event_sink import EventSink
from support.kube_client import Object, path_of

pytestmark = pytest.mark.servers

RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def cluster(real_control_plane: ControlPlane) -> ControlPlane:
    """The control plane, with Knative's source kinds."""
    install_source_crds(real_control_plane)
    return real_control_plane


@pytest.fixture
def sink() -> Iterator[EventSink]:
    """Where events arrive."""
    with EventSink() as started:
        yield started


class ConfigMaps:
    """Writes ConfigMaps of one namespace, which a source there watches with the rights of its own ServiceAccount."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def write(self, name: str) -> None:
        """Create or change one."""
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}
        self.cluster.client.apply(self._path(name), body).ok()

    def delete(self, name: str) -> None:
        """Remove one."""
        self.cluster.client.delete(self._path(name)).ok()

    def source(self) -> Object:
        """An ApiServerSource for them."""
        return {
            "apiVersion": "sources.knative.dev/v1",
            "kind": "ApiServerSource",
            "metadata": {"name": "configmaps", "namespace": self.namespace},
            "spec": {
                "serviceAccountName": "source",
                "mode": "Reference",
                "resources": [{"apiVersion": "v1", "kind": "ConfigMap"}],
                "sink": {"uri": "http://sink.example.test/"},
            },
        }

    def _path(self, name: str) -> str:
        return path_of("v1", "configmaps", name, self.namespace)


@pytest.fixture
def configmaps(cluster: ControlPlane, namespace: str) -> ConfigMaps:
    """ConfigMaps of a fresh namespace, with a ServiceAccount `source` that may watch them."""
    subject = {"kind": "ServiceAccount", "name": "source", "namespace": namespace}
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "source"}
    for path, body in (
        (path_of("v1", "serviceaccounts", namespace=namespace), {}),
        (path_of(RBAC, "roles", namespace=namespace), {"rules": rules}),
        (path_of(RBAC, "rolebindings", namespace=namespace), {"roleRef": role_ref, "subjects": [subject]}),
    ):
        cluster.client.create(path, {"metadata": {"name": "source"}} | body).ok()
    return ConfigMaps(cluster, namespace)


def test_change_becomes_an_event(cluster: ControlPlane, configmaps: ConfigMaps, sink: EventSink) -> None:
    """A new object arrives as a CloudEvent in Reference mode: attributes, and a body of the object's key."""
    with ApiServerSource(cluster, configmaps.source(), sink.url):
        configmaps.write("one")
        event = sink.wait_for(lambda e: e.name == "one")
    assert event.type == "dev.knative.apiserver.ref.add"
    assert json.loads(event.body) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "namespace": configmaps.namespace,
        "name": "one",
    }


def test_nothing_is_replayed_at_start(cluster: ControlPlane, configmaps: ConfigMaps, sink: EventSink) -> None:
    """What was there before the source started never becomes an event."""
    configmaps.write("before")
    with ApiServerSource(cluster, configmaps.source(), sink.url):
        configmaps.write("after")
        sink.wait_for(lambda e: e.name == "after")
    assert "before" not in {event.name for event in sink.events}


def test_changes_while_the_source_is_down_are_lost(
    cluster: ControlPlane, configmaps: ConfigMaps, sink: EventSink
) -> None:
    """A restart of the adapter drops what happened meanwhile, deletions included."""
    with ApiServerSource(cluster, configmaps.source(), sink.url) as source:
        configmaps.write("kept")
        sink.wait_for(lambda e: e.name == "kept")
        source.process.kill()
        configmaps.write("lost")
        configmaps.delete("kept")
        source.start()
        configmaps.write("seen")
        sink.wait_for(lambda e: e.name == "seen")
    assert "lost" not in {event.name for event in sink.events}
    assert "dev.knative.apiserver.ref.delete" not in {event.type for event in sink.events}


def test_short_gap_is_made_good(cluster: ControlPlane, configmaps: ConfigMaps, sink: EventSink) -> None:
    """A cut connection loses nothing as long as the API server still knows the resourceVersion.

    The event before the cut matters: a watch that ends within a second without one makes the source list again.
    """
    with Gate(cluster.port) as gate, ApiServerSource(cluster, configmaps.source(), sink.url, gate.url):
        configmaps.write("before")
        sink.wait_for(lambda e: e.name == "before")
        gate.close()
        configmaps.write("during")
        gate.open()
        sink.wait_for(lambda e: e.name == "during")


def test_expired_resource_version_loses_events(cluster: ControlPlane, configmaps: ConfigMaps, sink: EventSink) -> None:
    """After 410 the source lists again and sends nothing of what it finds."""
    with Gate(cluster.port) as gate, ApiServerSource(cluster, configmaps.source(), sink.url, gate.url) as source:
        gate.close()
        configmaps.write("lost")
        cluster.expire_resource_versions()
        position = cluster.audit_log.position()
        gate.open()
        source.wait_until_watching(position)
        configmaps.write("seen")
        sink.wait_for(lambda e: e.name == "seen")
    assert "lost" not in {event.name for event in sink.events}


@pytest.mark.parametrize(("status", "deliveries"), [(503, 2), (500, 1)])
def test_retry_depends_on_the_status(
    cluster: ControlPlane, configmaps: ConfigMaps, sink: EventSink, status: int, deliveries: int
) -> None:
    """503 is tried again, with the same id; 500 drops the event after one delivery."""
    first: list[str] = []

    def answer(event: Any) -> int:
        if event.name == "tried" and not first:
            first.append(event.id)
            return status
        return 204

    sink.answer = answer
    with ApiServerSource(cluster, configmaps.source(), sink.url):
        configmaps.write("tried")
        sink.wait_for(lambda e: e.name == "tried")
        configmaps.write("next")  # sent after all tries of the one before: a source is serial within a kind
        sink.wait_for(lambda e: e.name == "next")
    tried = [event.id for event in sink.events if event.name == "tried"]
    assert tried == first * deliveries


def test_ping_source_ticks(cluster: ControlPlane, namespace: str, sink: EventSink) -> None:
    """A PingSource delivers its data again and again."""
    source = {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "PingSource",
        "metadata": {"name": "tick", "namespace": namespace},
        "spec": {
            "schedule": "*/2 * * * * *",
            "contentType": "application/json",
            "data": '{"all": true}',
            "sink": {"uri": "http://sink.example.test/"},
        },
    }
    with PingSources(cluster) as pings:
        pings.schedule(source, sink.url)
        first = sink.wait_for(lambda e: e.type == "dev.knative.sources.ping")
        sink.wait_for(lambda e: e.type == "dev.knative.sources.ping" and e.id != first.id)
    assert json.loads(first.body) == {"all": True}


def test_bad_source_is_refused(cluster: ControlPlane, configmaps: ConfigMaps, sink: EventSink) -> None:
    """Manifests of sources pass Knative's own schema before anything starts."""
    source = configmaps.source()
    del source["spec"]["resources"]
    with pytest.raises(AssertionError, match=r"422: .*spec.resources: Required value"):
        ApiServerSource(cluster, source, sink.url)

"""Each action is one call to the API server."""

from typing import Any

from aegis_reconcile.act import act
from aegis_reconcile.cluster import Rejected
from aegis_reconcile.objects import CLUSTER_IDENTITY_PROVIDER, EVENT, IDENTITY, SERVICE_ACCOUNT, Key
from aegis_reconcile.plan.actions import Announce, Apply, Create, Delete, MergeMetadata, WriteStatus
from support.memory_cluster import MemoryCluster

NOW = "2026-01-01T00:00:00Z"
ACCOUNT = Key(SERVICE_ACCOUNT, "shop", "cart")


def account(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cart", "namespace": "shop", **metadata}}


def test_status_is_written_where_it_belongs() -> None:
    """A status goes to its object, namespaced or not."""
    cluster = MemoryCluster("shop")
    for key in (cluster.put(IDENTITY, "cart", "shop"), cluster.put(CLUSTER_IDENTITY_PROVIDER, "idp")):
        version = cluster.objects[key]["metadata"]["resourceVersion"]
        written = act(cluster, WriteStatus(key, version, {"subject": "s"}), NOW)
        assert written == cluster.objects[key]
        assert cluster.status(key) == {"subject": "s"}


def test_objects_are_made_changed_and_removed() -> None:
    """Create, Apply, MergeMetadata and Delete do what they say."""
    cluster = MemoryCluster("shop")
    act(cluster, Create(ACCOUNT, account()), NOW)
    act(cluster, Apply(ACCOUNT, account(labels={"a": "b"})), NOW)
    act(cluster, MergeMetadata(ACCOUNT, {"finalizers": [], "annotations": {"x": "y"}}), NOW)
    metadata = cluster.objects[ACCOUNT]["metadata"]
    assert (metadata["labels"], metadata["annotations"]) == ({"a": "b"}, {"x": "y"})
    assert act(cluster, Delete(ACCOUNT, metadata["uid"]), NOW) == {}
    assert ACCOUNT not in cluster.objects


def test_news_become_events_and_each_is_told_once() -> None:
    """An Event names its object; the same occasion makes no second one; the cluster's own go to `default`."""
    cluster = MemoryCluster("shop")
    news = Announce(ACCOUNT, "u1", "Warning", "ForeignRole", "rename it", "Role x")
    act(cluster, news, NOW)
    act(cluster, news, "2027-01-01T00:00:00Z")
    (event,) = [document for key, document in cluster.objects.items() if key.resource == EVENT]
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "name": "cart",
        "namespace": "shop",
        "uid": "u1",
    }
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "ForeignRole", "rename it")
    wide = Announce(Key(CLUSTER_IDENTITY_PROVIDER, "", "x" * 253), "u2", "Normal", "Ready", "good", "now")
    act(cluster, wide, NOW)
    (name,) = [key.name for key in cluster.objects if key.resource == EVENT and key.namespace == "default"]
    assert len(name) <= 253


def test_event_that_cannot_be_told_stops_nothing() -> None:
    """Events are a service to readers; the status says the same."""
    cluster = MemoryCluster("shop")

    def refuse(_method: str, _key: Key) -> None:
        raise Rejected("no room")

    cluster.before = refuse
    assert act(cluster, Announce(ACCOUNT, "u1", "Normal", "Ready", "good", "now"), NOW) == {}

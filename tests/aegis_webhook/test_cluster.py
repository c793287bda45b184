"""The cluster, asked and remembered."""

import threading
from collections.abc import Mapping

import pytest
from attrs import define, field

from aegis_api.provider import ClusterIdentityProvider, IdentityProvider
from aegis_api.resources import IDENTITY, Kind, Resource
from aegis_webhook.cluster import ClusterError, Remembered, provider_of
from support.admission import DocumentCluster, Object, usual_cluster


def shared(**spec: object) -> Object:
    return {
        "apiVersion": "aegis.aegisproxy.io/v1",
        "kind": "ClusterIdentityProvider",
        "metadata": {"name": "shared"},
        "spec": {"type": "kubernetes", "audience": "aegis", **spec},
    }


SELECTOR = {"namespaceSelector": {"matchLabels": {"team": "orders"}}}


@pytest.mark.parametrize(
    ("spec", "labels", "found"),
    [
        ({}, {}, False),
        ({"namespaceSelector": {}}, {}, True),
        (SELECTOR, {"team": "orders"}, True),
        (SELECTOR, {}, False),
    ],
    ids=["no selector", "all", "selected", "not selected"],
)
def test_a_provider_of_the_cluster_is_for_those_it_selects(
    spec: dict[str, object], labels: dict[str, str], found: bool
) -> None:
    """Without a selector no namespace may use it."""
    cluster = DocumentCluster([shared(**spec)], {"shop": labels})
    assert isinstance(provider_of(cluster, "shop", "shared"), ClusterIdentityProvider) == found


def test_the_own_provider_comes_first() -> None:
    """A namespace's provider hides the cluster's of the same name; neither is none."""
    cluster = usual_cluster()
    cluster.documents.append(shared(namespaceSelector={}) | {"metadata": {"name": "local"}})
    assert isinstance(provider_of(cluster, "shop", "local"), IdentityProvider)
    assert isinstance(provider_of(cluster, "other", "local"), ClusterIdentityProvider)
    assert provider_of(cluster, "shop", "absent") is None


@define
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_answers_are_remembered_for_a_moment() -> None:
    """What is there is asked for once in five seconds, what is not there once in a second."""
    cluster, clock = usual_cluster(), Clock()
    remembered = Remembered(cluster, clock)
    for now, name, asked in [
        (0, "orders", 1),
        (4.9, "orders", 1),
        (5, "orders", 2),
        (5, "no", 3),
        (5.9, "no", 3),
        (6, "no", 4),
    ]:
        clock.now = now
        found = remembered.get(IDENTITY, "shop", name)
        assert (found is not None) == (name == "orders")
        assert cluster.asked == asked
    assert remembered.namespace_labels("shop") == {}
    assert cluster.asked == 5


@define
class Slow:
    """Answers when it is let."""

    gate: threading.Event = field(factory=threading.Event)
    asked: int = 0

    def get(self, kind: Kind, namespace: str, name: str) -> Resource | None:
        self.asked += 1
        self.gate.wait(10)
        return usual_cluster().get(kind, namespace, name)

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        raise ClusterError("no answer")


def test_w12_many_reviews_at_once_ask_once() -> None:
    """Two hundred reviews of the same Identity are one question to the API server."""
    slow = Slow()
    remembered = Remembered(slow, Clock())
    found: list[Resource | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(remembered.get(IDENTITY, "shop", "orders"))) for _ in range(200)
    ]
    for thread in threads:
        thread.start()
    slow.gate.set()
    for thread in threads:
        thread.join(10)
    assert len(found) == 200
    assert all(found)
    assert slow.asked == 1


def test_errors_are_not_remembered() -> None:
    """A cluster that does not answer is asked again at the next review."""
    remembered = Remembered(Slow(), Clock())
    for _ in range(2):
        with pytest.raises(ClusterError):
            remembered.namespace_labels("shop")


def test_the_memory_is_bounded() -> None:
    """Names that nobody has cannot fill the memory."""
    cluster = DocumentCluster()
    remembered = Remembered(cluster, Clock())
    for number in range(5000):
        remembered.get(IDENTITY, "shop", f"n{number}")
    remembered.get(IDENTITY, "shop", "n4999")
    assert cluster.asked == 5000
    remembered.get(IDENTITY, "shop", "n0")
    assert cluster.asked == 5001

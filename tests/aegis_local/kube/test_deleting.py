from typing import Any

import pytest

from aegis_local.kube.deleting import Deletion, deletion_of
from aegis_local.kube.objects import Object
from aegis_local.kube.store import Store
from aegis_local.kube.writing import Write
from support.in_memory_kube import WIDGETS, InMemoryKube, OpenAdmission, widget, with_widgets

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def kube() -> InMemoryKube:
    return with_widgets()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Deletion()),
        ({"propagationPolicy": "Foreground", "gracePeriodSeconds": 0}, Deletion("Foreground", 0)),
        ({"orphanDependents": True}, Deletion("Orphan")),
        ({"orphanDependents": False}, Deletion("Background")),
        ({"preconditions": {"uid": "u", "resourceVersion": "5"}}, Deletion(uid="u", resource_version="5")),
    ],
)
def test_options(options: Object, expected: Deletion) -> None:
    """DeleteOptions, old and new."""
    assert deletion_of(options) == expected


def test_finalizers_hold_an_object(kube: InMemoryKube) -> None:
    """It is marked, and goes with its last finalizer."""
    body = widget("x")
    body["metadata"]["finalizers"] = ["a.b/c"]
    kube.ok("POST", WIDGETS, body)
    marked = kube.ok("DELETE", f"{WIDGETS}/x")
    assert (marked["metadata"]["deletionTimestamp"], marked["metadata"]["generation"]) == ("2027-01-15T08:00:00Z", 2)
    assert kube.ok("DELETE", f"{WIDGETS}/x") == marked
    kube.ok("PATCH", f"{WIDGETS}/x", {"metadata": {"finalizers": None}}, content="application/merge-patch+json")
    assert kube.refused("GET", f"{WIDGETS}/x")[0] == 404


@pytest.mark.parametrize(
    ("policy", "finalizers"), [("Foreground", ["a.b/c", "foregroundDeletion"]), ("Orphan", ["a.b/c", "orphan"])]
)
def test_propagation_is_a_finalizer(kube: InMemoryKube, policy: str, finalizers: list[str]) -> None:
    """Which the garbage collector takes off; asking for the background takes it off too."""
    body = widget("x")
    body["metadata"]["finalizers"] = ["a.b/c"]
    kube.ok("POST", WIDGETS, body)
    answer: Any = kube.ask("DELETE", f"{WIDGETS}/x", {"propagationPolicy": policy})
    assert answer.body["metadata"]["finalizers"] == finalizers
    answer = kube.ask("DELETE", f"{WIDGETS}/x")
    assert answer.body["metadata"]["finalizers"] == finalizers
    answer = kube.ask("DELETE", f"{WIDGETS}/x", {"propagationPolicy": "Background"})
    assert answer.body["metadata"]["finalizers"] == ["a.b/c"]


@pytest.mark.parametrize("preconditions", [{"uid": "other"}, {"resourceVersion": "1"}])
def test_preconditions_must_hold(kube: InMemoryKube, preconditions: Object) -> None:
    """409, and the object stays."""
    kube.ok("POST", WIDGETS, widget("x"))
    assert kube.refused("DELETE", f"{WIDGETS}/x", {"preconditions": preconditions})[0] == 409
    kube.ok("GET", f"{WIDGETS}/x")


def test_a_running_pod_gets_time(kube: InMemoryKube) -> None:
    """Until a node says that it has ended; a shorter time can still be given."""
    spec = {"containers": [{"name": "c", "image": "x"}], "nodeName": "n", "terminationGracePeriodSeconds": 9}
    kube.ok("POST", PODS, {"metadata": {"name": "p"}, "spec": spec})
    marked = kube.ok("DELETE", f"{PODS}/p")["metadata"]
    assert (marked["deletionGracePeriodSeconds"], marked["deletionTimestamp"]) == (9, "2027-01-15T08:00:09Z")
    shorter = kube.ok("DELETE", f"{PODS}/p", gracePeriodSeconds="3")["metadata"]
    assert shorter["deletionGracePeriodSeconds"] == 3
    kube.ok("DELETE", f"{PODS}/p", gracePeriodSeconds="0")
    assert kube.refused("GET", f"{PODS}/p")[0] == 404


@pytest.mark.parametrize(("node", "phase"), [(None, "Pending"), ("n", "Succeeded"), ("n", "Failed")])
def test_a_pod_that_does_not_run_goes_at_once(kube: InMemoryKube, node: str | None, phase: str) -> None:
    """Nobody has to end it."""
    spec = {"containers": [{"name": "c", "image": "x"}], **({"nodeName": node} if node else {})}
    pod = kube.ok("POST", PODS, {"metadata": {"name": "p"}, "spec": spec})
    kube.ok("PUT", f"{PODS}/p/status", {**pod, "status": {"phase": phase}})
    kube.ok("DELETE", f"{PODS}/p")
    assert kube.refused("GET", f"{PODS}/p")[0] == 404


class Meddling(OpenAdmission):
    """Changes the object once while its deletion is being admitted."""

    def __init__(self) -> None:
        super().__init__()
        self.store: Store | None = None

    async def validate(self, write: Write, operation: str, new: Object | None, old: Object | None) -> None:
        if operation == "DELETE" and old is not None and self.store is not None:
            self.store.put(write.kind.collection, {**old, "other": 1}, old["metadata"]["resourceVersion"])
            self.store = None


def test_deletes_are_tried_again() -> None:
    """A write in between does not save the object."""
    admission = Meddling()
    kube = with_widgets(admission)
    kube.ok("POST", WIDGETS, widget("x"))
    admission.store = kube.store
    kube.ok("DELETE", f"{WIDGETS}/x")
    assert kube.refused("GET", f"{WIDGETS}/x")[0] == 404

"""Deployments."""

from typing import Any

import pytest

from aegis_local.client.resources import Key
from aegis_local.deployments import HASH_LABEL, Actions, plan, pod_of, status_of, template_hash

Object = dict[str, Any]


def deployment(replicas: int = 2, image: str = "x", **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n", "uid": "u", "generation": 4},
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c", "image": image}]}},
            **spec,
        },
    }


def pod(name: str, of: Object, ready: bool = True, **metadata: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": "n", "labels": {HASH_LABEL: template_hash(of)}, **metadata},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def keys(*names: str) -> tuple[Key, ...]:
    return tuple(Key("n", name) for name in names)


NOW, OLD = deployment(), deployment(image="old")


@pytest.mark.parametrize(
    ("wanted", "pods", "actions"),
    [
        (NOW, [], Actions(2, ())),
        (NOW, [pod("a", NOW)], Actions(1, ())),
        (NOW, [pod("a", NOW), pod("b", NOW, ready=False)], Actions(0, ())),
        (NOW, [pod("a", NOW), pod("b", NOW), pod("c", NOW, ready=False)], Actions(0, keys("c"))),
        (NOW, [pod("a", NOW), pod("b", NOW, deletionTimestamp="now")], Actions(1, ())),
        (NOW, [pod("a", OLD), pod("b", OLD)], Actions(2, ())),
        (NOW, [pod("a", OLD), pod("b", NOW), pod("c", NOW, ready=False)], Actions(0, ())),
        (NOW, [pod("a", OLD), pod("b", NOW), pod("c", NOW)], Actions(0, keys("a"))),
        (deployment(0), [pod("a", NOW)], Actions(0, keys("a"))),
        (deployment(strategy={"type": "Recreate"}), [pod("a", OLD)], Actions(0, keys("a"))),
    ],
)
def test_the_next_step(wanted: Object, pods: list[Object], actions: Actions) -> None:
    """Missing pods are made, the least useful surplus goes, and old pods go when enough new ones are ready."""
    assert plan(wanted, pods) == actions


def test_a_pod_carries_template_owner_and_digest() -> None:
    """Its name is made by the server."""
    made = pod_of(NOW)
    assert made["spec"] == NOW["spec"]["template"]["spec"]
    assert made["metadata"]["labels"] == {"app": "d", HASH_LABEL: template_hash(NOW)}
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert made["metadata"]["generateName"] == f"d-{template_hash(NOW)}-"
    assert template_hash(NOW) != template_hash(OLD)


def test_the_status_counts_pods() -> None:
    """As `kubectl rollout status` reads it: done when all pods are new and ready."""
    rolling = status_of(NOW, [pod("a", OLD), pod("b", NOW), pod("c", NOW, ready=False)], "now")
    assert (rolling["replicas"], rolling["updatedReplicas"], rolling["readyReplicas"]) == (3, 2, 2)
    reasons = {c["type"]: c["reason"] for c in rolling["conditions"]}
    assert reasons == {"Available": "MinimumReplicasAvailable", "Progressing": "ReplicaSetUpdated"}
    done = status_of(NOW, [pod("b", NOW), pod("c", NOW)], "now")
    assert done["observedGeneration"] == 4
    assert {c["type"]: c["reason"] for c in done["conditions"]}["Progressing"] == "NewReplicaSetAvailable"
    none = status_of(NOW, [], "now")
    assert none["unavailableReplicas"] == 2
    assert none["conditions"][0]["status"] == "False"

"""Owners and what they own: who goes with whom."""

import pytest

from support.kube_client import KubeClient, Object, path_of
from support.waiting import eventually
from support.widgets import API_VERSION, widget, widgets_in

# The garbage collector learns of a new kind by discovery, which it reads every 30 seconds.
COLLECTED_SECONDS = 100.0


def owned_by(owner: Object, **more: bool) -> list[Object]:
    """The ownerReferences of what belongs to that widget."""
    metadata = owner["metadata"]
    return [{"apiVersion": API_VERSION, "kind": "Widget", "name": metadata["name"], "uid": metadata["uid"], **more}]


def configmap(client: KubeClient, namespace: str, name: str, owners: list[Object]) -> str:
    """Make a ConfigMap with owners, and return its path."""
    path = path_of("v1", "configmaps", name, namespace)
    body = {"metadata": {"name": name, "ownerReferences": owners}}
    client.create(path_of("v1", "configmaps", namespace=namespace), body).ok()
    return path


def test_owned_object_goes_with_its_owner(client: KubeClient, namespace: str) -> None:
    """Deleting an owner removes what it owns, and leaves alone what has another owner as well."""
    first = client.create(widgets_in(namespace), widget("first")).ok()
    second = client.create(widgets_in(namespace), widget("second")).ok()
    alone = configmap(client, namespace, "alone", owned_by(first))
    shared = configmap(client, namespace, "shared", owned_by(first) + owned_by(second))
    client.delete(widgets_in(namespace, "first")).ok()
    eventually(lambda: client.get(alone).status == 404, COLLECTED_SECONDS)

    def left() -> list[str]:
        return [reference["name"] for reference in client.get(shared).ok()["metadata"]["ownerReferences"]]

    eventually(lambda: left() != ["first", "second"], COLLECTED_SECONDS)
    assert left() == ["second"]


def test_owner_that_never_was_takes_its_objects_along(client: KubeClient, namespace: str) -> None:
    """An ownerReference to a uid that does not exist is garbage."""
    owner = widget("ghost")
    owner["metadata"]["uid"] = "00000000-0000-0000-0000-000000000001"
    path = configmap(client, namespace, "haunted", owned_by(owner))
    eventually(lambda: client.get(path).status == 404, COLLECTED_SECONDS)


def test_orphans_stay(client: KubeClient, namespace: str) -> None:
    """propagationPolicy Orphan removes the owner and the reference to it, and nothing else."""
    owner = client.create(widgets_in(namespace), widget("owner")).ok()
    path = configmap(client, namespace, "kept", owned_by(owner))
    client.delete(widgets_in(namespace, "owner"), {"propagationPolicy": "Orphan"}).ok()
    eventually(lambda: client.get(widgets_in(namespace, "owner")).status == 404, COLLECTED_SECONDS)
    assert "ownerReferences" not in client.get(path).ok()["metadata"]


def test_foreground_deletion_waits_for_what_blocks_it(client: KubeClient, namespace: str) -> None:
    """With propagationPolicy Foreground the owner stays until its blocking dependents are gone."""
    owner = client.create(widgets_in(namespace), widget("owner")).ok()
    body: Object = {
        "metadata": {
            "name": "held",
            "finalizers": ["tests.example/f"],
            "ownerReferences": owned_by(owner, blockOwnerDeletion=True),
        }
    }
    path = path_of("v1", "configmaps", "held", namespace)
    client.create(path_of("v1", "configmaps", namespace=namespace), body).ok()
    client.delete(widgets_in(namespace, "owner"), {"propagationPolicy": "Foreground"}).ok()
    assert client.get(widgets_in(namespace, "owner")).ok()["metadata"]["finalizers"] == ["foregroundDeletion"]
    eventually(lambda: client.get(path).ok()["metadata"].get("deletionTimestamp"), COLLECTED_SECONDS)
    assert client.get(widgets_in(namespace, "owner")).status == 200
    client.patch(path, {"metadata": {"finalizers": None}}).ok()
    eventually(lambda: client.get(widgets_in(namespace, "owner")).status == 404, COLLECTED_SECONDS)


@pytest.mark.parametrize("missing", ["apiVersion", "kind", "name", "uid"])
def test_incomplete_owner_is_refused(client: KubeClient, namespace: str, missing: str) -> None:
    """An ownerReference needs all of its four parts."""
    owner = client.create(widgets_in(namespace), widget("owner")).ok()
    reference = {key: value for key, value in owned_by(owner)[0].items() if key != missing}
    body = {"metadata": {"name": "x", "ownerReferences": [reference]}}
    answer = client.create(path_of("v1", "configmaps", namespace=namespace), body)
    assert answer.status == 422


def test_two_controllers_are_refused(client: KubeClient, namespace: str) -> None:
    """Only one owner may be the controller."""
    owners = [client.create(widgets_in(namespace), widget(name)).ok() for name in ("a", "b")]
    references = [reference for owner in owners for reference in owned_by(owner, controller=True)]
    body = {"metadata": {"name": "x", "ownerReferences": references}}
    assert client.create(path_of("v1", "configmaps", namespace=namespace), body).status == 422

"""Server-side apply: who owns which field, who is in conflict, and what goes when nobody wants it any more."""

from typing import Any

import pytest

from support.kube_client import APPLY_PATCH, KubeClient, Object, path_of
from support.widgets import API_VERSION, widget, widgets_in


def partial(name: str = "a", **spec: Any) -> Object:
    """An apply configuration that names only these fields."""
    return {"apiVersion": API_VERSION, "kind": "Widget", "metadata": {"name": name}, "spec": spec}


def owned(body: Object, manager: str, subresource: str | None = None) -> Object:
    """The FieldsV1 of one manager, or nothing."""
    for entry in body["metadata"].get("managedFields", []):
        if entry["manager"] == manager and entry.get("subresource") == subresource:
            fields: Object = entry["fieldsV1"]
            return fields
    return {}


def test_apply_creates_and_records_its_fields(client: KubeClient, namespace: str) -> None:
    """The first apply is a 201; the manager owns what it named, and not the defaults."""
    answer = client.apply(widgets_in(namespace, "a"), partial(size=1, tags=["x"]), manager="one")
    assert answer.status == 201
    (entry,) = answer.body["metadata"]["managedFields"]
    assert entry["time"].endswith("Z")
    assert {key: value for key, value in entry.items() if key != "time"} == {
        "manager": "one",
        "operation": "Apply",
        "apiVersion": API_VERSION,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:size": {}, "f:tags": {'v:"x"': {}}}},
    }
    assert answer.body["spec"]["colour"] == "red"


def test_same_apply_again_changes_nothing(client: KubeClient, namespace: str) -> None:
    """Applying the same again is a 200 with the same resourceVersion."""
    path = widgets_in(namespace, "a")
    first = client.apply(path, partial(size=1)).ok()
    second = client.apply(path, partial(size=1))
    assert second.status == 200
    assert second.body == first


def test_field_of_another_manager_is_a_conflict(client: KubeClient, namespace: str) -> None:
    """Another value for an owned field is 409 that names the owner and the field; nothing changes."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1), manager="one").ok()
    answer = client.apply(path, partial(size=2), manager="two")
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert answer.message == 'Apply failed with 1 conflict: conflict with "one": .spec.size'
    (cause,) = answer.body["details"]["causes"]
    assert cause == {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.size"}
    assert client.get(path).ok()["spec"]["size"] == 1


def test_force_takes_the_field_over(client: KubeClient, namespace: str) -> None:
    """With `force` the field changes hands, and the former owner is in conflict from then on."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1), manager="one").ok()
    after = client.apply(path, partial(size=2), manager="two", force=True).ok()
    assert after["spec"]["size"] == 2
    assert owned(after, "one") == {}
    assert owned(after, "two") == {"f:spec": {"f:size": {}}}
    assert client.apply(path, partial(size=1), manager="one").status == 409


def test_same_value_is_shared(client: KubeClient, namespace: str) -> None:
    """Two managers that want the same own the field together; it stays when one of them lets go."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1, labels={"x": "1"}), manager="one").ok()
    shared = client.apply(path, partial(size=1, labels={"x": "1"}), manager="two").ok()
    assert owned(shared, "one") == owned(shared, "two")
    kept = client.apply(path, partial(size=1), manager="one").ok()
    assert kept["spec"]["labels"] == {"x": "1"}
    gone = client.apply(path, partial(size=1), manager="two").ok()
    assert "labels" not in gone["spec"]


def test_field_left_out_is_removed_or_defaulted(client: KubeClient, namespace: str) -> None:
    """What a manager named alone and names no more goes away; a field with a default returns to it."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1, limit=5, colour="green")).ok()
    after = client.apply(path, partial(size=1)).ok()
    assert after["spec"] == {"size": 1, "colour": "red"}


def test_managers_share_a_keyed_list(client: KubeClient, namespace: str) -> None:
    """Items of a list map belong to who named them, by key."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1, ports=[{"name": "x", "number": 1}]), manager="one").ok()
    both = client.apply(path, partial(ports=[{"name": "y", "number": 2}]), manager="two").ok()
    assert both["spec"]["ports"] == [{"name": "x", "number": 1}, {"name": "y", "number": 2}]
    item = owned(both, "two")["f:spec"]["f:ports"]
    assert item == {'k:{"name":"y"}': {".": {}, "f:name": {}, "f:number": {}}}
    less = client.apply(path, partial(size=1, ports=[]), manager="one").ok()
    assert less["spec"]["ports"] == [{"name": "y", "number": 2}]


def test_item_of_another_manager_is_a_conflict_by_key(client: KubeClient, namespace: str) -> None:
    """The conflict names the item by its key."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1, ports=[{"name": "x", "number": 1}]), manager="one").ok()
    answer = client.apply(path, partial(ports=[{"name": "x", "number": 2}]), manager="two")
    assert answer.body["details"]["causes"][0]["field"] == '.spec.ports[name="x"].number'


def test_managers_share_a_set(client: KubeClient, namespace: str) -> None:
    """Values of a set belong to who named them."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1, tags=["x"]), manager="one").ok()
    both = client.apply(path, partial(tags=["y"]), manager="two").ok()
    assert sorted(both["spec"]["tags"]) == ["x", "y"]
    less = client.apply(path, partial(size=1), manager="one").ok()
    assert less["spec"]["tags"] == ["y"]


def test_atomic_list_has_one_owner(client: KubeClient, namespace: str) -> None:
    """An atomic list is owned whole: another content is a conflict."""
    path = widgets_in(namespace, "a")
    applied = client.apply(path, partial(size=1, names=["x"]), manager="one").ok()
    assert owned(applied, "one")["f:spec"]["f:names"] == {}
    answer = client.apply(path, partial(names=["x", "y"]), manager="two")
    assert answer.status == 409
    assert answer.body["details"]["causes"][0]["field"] == ".spec.names"


def test_updates_are_recorded_and_conflict_with_applies(client: KubeClient, namespace: str) -> None:
    """A plain patch makes its manager the owner (operation Update) of what it changed."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1), manager="one").ok()
    patched = client.patch(path, {"spec": {"size": 2}}, fieldManager="editor").ok()
    assert owned(patched, "one") == {}
    assert owned(patched, "editor") == {"f:spec": {"f:size": {}}}
    entry = next(e for e in patched["metadata"]["managedFields"] if e["manager"] == "editor")
    assert entry["operation"] == "Update"
    answer = client.apply(path, partial(size=1), manager="one")
    assert answer.status == 409
    assert 'conflict with "editor" using tests.example/v1' in answer.message


def test_status_is_owned_apart(client: KubeClient, namespace: str) -> None:
    """An apply to `/status` is an entry of its own, and touches nothing of the spec."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1), manager="one").ok()
    conditions = [{"type": "Ready", "status": "True"}]
    body = partial(size=50) | {"status": {"conditions": conditions}}
    after = client.apply(f"{path}/status", body, manager="one").ok()
    assert after["spec"]["size"] == 1
    assert after["status"] == {"conditions": conditions}
    assert owned(after, "one") == {"f:spec": {"f:size": {}}}
    assert owned(after, "one", "status") == {
        "f:status": {"f:conditions": {'k:{"type":"Ready"}': {".": {}, "f:status": {}, "f:type": {}}}}
    }


def test_apply_in_the_object_ignores_status(client: KubeClient, namespace: str) -> None:
    """A status in an apply to the object itself is dropped, and nobody owns it."""
    body = partial(size=1) | {"status": {"observedGeneration": 1}}
    after = client.apply(widgets_in(namespace, "a"), body, manager="one").ok()
    assert "status" not in after
    assert owned(after, "one") == {"f:spec": {"f:size": {}}}


def test_labels_annotations_owners_and_finalizers_are_owned(client: KubeClient, namespace: str) -> None:
    """Metadata that users write is owned like any other field."""
    owner = client.create(widgets_in(namespace), widget("owner")).ok()["metadata"]
    reference = {"apiVersion": API_VERSION, "kind": "Widget", "name": "owner", "uid": owner["uid"]}
    body = partial(size=1)
    body["metadata"] |= {
        "labels": {"l": "1"},
        "annotations": {"a": "1"},
        "finalizers": ["tests.example/f"],
        "ownerReferences": [reference],
    }
    after = client.apply(widgets_in(namespace, "a"), body, manager="one").ok()
    assert owned(after, "one")["f:metadata"] == {
        "f:labels": {"f:l": {}},
        "f:annotations": {"f:a": {}},
        "f:finalizers": {'v:"tests.example/f"': {}},
        "f:ownerReferences": {f'k:{{"uid":"{owner["uid"]}"}}': {}},
    }
    del body["metadata"]["labels"], body["metadata"]["finalizers"]
    less = client.apply(widgets_in(namespace, "a"), body, manager="one").ok()["metadata"]
    assert "labels" not in less
    assert "finalizers" not in less


def test_apply_needs_a_manager(client: KubeClient, namespace: str) -> None:
    """Without `fieldManager` an apply is 422 (PatchOptions are invalid)."""
    answer = client.patch(widgets_in(namespace, "a"), partial(size=1), APPLY_PATCH)
    assert answer.status == 422
    assert "fieldManager" in answer.message


def test_force_belongs_to_apply_only(client: KubeClient, namespace: str) -> None:
    """`force` with another patch format is refused."""
    client.create(widgets_in(namespace), widget("a")).ok()
    answer = client.patch(widgets_in(namespace, "a"), {"spec": {"size": 2}}, force=True)
    assert answer.status == 422


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"kind": None}, 400),
        ({"apiVersion": None}, 400),
        ({"metadata": {"name": "other"}}, 400),
        ({"metadata": {"name": "a", "managedFields": [{"manager": "x"}]}}, 400),
    ],
    ids=["no kind", "no version", "another name", "managedFields given"],
)
def test_bad_configuration_is_refused(client: KubeClient, namespace: str, change: Object, status: int) -> None:
    """A configuration must be typed, named like its path, and free of managedFields."""
    body = {key: value for key, value in (partial(size=1) | change).items() if value is not None}
    assert client.apply(widgets_in(namespace, "a"), body).status == status


def test_apply_validates_the_result(client: KubeClient, namespace: str) -> None:
    """A configuration whose merged result breaks the schema is refused, and unknown fields, too, when strict."""
    path = widgets_in(namespace, "a")
    assert client.apply(path, partial(size=0)).status == 422
    assert client.apply(path, partial(colour="red")).status == 422
    strict = client.apply(path, partial(size=1, unknown=1), fieldValidation="Strict")
    assert strict.status in (400, 500)
    assert "unknown" in strict.message


def test_stale_resource_version_in_a_configuration_is_a_conflict(client: KubeClient, namespace: str) -> None:
    """A configuration may name the resourceVersion that it was made for."""
    path = widgets_in(namespace, "a")
    first = client.apply(path, partial(size=1)).ok()
    client.apply(path, partial(size=2)).ok()
    stale = partial(size=3)
    stale["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
    assert client.apply(path, stale).status == 409


def test_managed_fields_can_be_cleared(client: KubeClient, namespace: str) -> None:
    """An update that sets managedFields to a list with one empty entry resets them."""
    path = widgets_in(namespace, "a")
    client.apply(path, partial(size=1), manager="one").ok()
    after = client.patch(path, {"metadata": {"managedFields": [{}]}}).ok()
    assert "managedFields" not in after["metadata"]


def test_built_in_kinds_are_applied_too(client: KubeClient, namespace: str) -> None:
    """A ConfigMap's data is a map with an owner per key."""
    path = path_of("v1", "configmaps", "a", namespace)
    base: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    client.apply(path, {**base, "data": {"x": "1"}}, manager="one").ok()
    both = client.apply(path, {**base, "data": {"y": "2"}}, manager="two").ok()
    assert both["data"] == {"x": "1", "y": "2"}
    assert owned(both, "two") == {"f:data": {"f:y": {}}}
    assert client.apply(path, {**base, "data": {"x": "3"}}, manager="two").status == 409


def test_role_rules_are_atomic(client: KubeClient, namespace: str) -> None:
    """The rules of a Role are replaced whole, by whoever applied them."""
    path = path_of("rbac.authorization.k8s.io/v1", "roles", "a", namespace)
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    body = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a"}, "rules": [rule]}
    applied = client.apply(path, body, manager="one").ok()
    assert owned(applied, "one") == {"f:rules": {}}
    changed = client.apply(path, body | {"rules": [rule | {"resourceNames": ["x"]}]}, manager="one").ok()
    assert changed["rules"] == [rule | {"resourceNames": ["x"]}]


def test_empty_selector_of_a_provider_stays_empty(client: KubeClient) -> None:
    """`{}` selects all namespaces and an absent selector none: an apply never makes one of the other."""
    resource = "aegis.aegisproxy.io/v1"
    path = path_of(resource, "clusteridentityproviders", "selective")
    named = {"matchLabels": {"team": "shop"}}
    found, fields = [], []
    for selector in ({}, named, {}, None, {}, None, named, None):
        spec = {"type": "kubernetes", "audience": "aegis"} | (
            {} if selector is None else {"namespaceSelector": selector}
        )
        body = {
            "apiVersion": resource,
            "kind": "ClusterIdentityProvider",
            "metadata": {"name": "selective"},
            "spec": spec,
        }
        applied = client.apply(path, body, manager="user").ok()
        found.append(applied["spec"].get("namespaceSelector"))
        fields.append(owned(applied, "user")["f:spec"].get("f:namespaceSelector"))
    client.delete(path).ok()
    assert found == [{}, named, {}, None, {}, None, named, None]
    assert fields == [{}, {}, {}, None, {}, None, {}, None]

from random import Random
from typing import Any

import pytest

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.errors import ApiError
from aegis_local.kube.kinds import builtin_kinds
from aegis_local.kube.lifecycle import Birth, born, changed, immutable_problems, metadata_problems, named, received
from aegis_local.kube.objects import Object
from support.in_memory_kube import widget_crd

KINDS = {kind.kind: kind for kind in builtin_kinds()}
WIDGET = kinds_of(widget_crd())[0]
BIRTH = Birth("t1", "u-1", Random(1))


def stored(**more: Any) -> Object:
    meta = {
        "name": "x",
        "namespace": "a",
        "uid": "u-1",
        "creationTimestamp": "t1",
        "resourceVersion": "5",
        "generation": 2,
    }
    return {"metadata": meta, "spec": {"size": 1}, "status": {"n": 1}, **more}


def test_a_new_object_brings_no_system_fields() -> None:
    """It gets the namespace of the request; another one is refused."""
    sent = {"metadata": {"name": "x", "uid": "mine", "generation": 9, "resourceVersion": "1"}}
    assert received(sent, "a")["metadata"] == {"name": "x", "namespace": "a"}
    assert received(sent, "")["metadata"] == {"name": "x"}
    with pytest.raises(ApiError, match="namespace of the provided object does not match"):
        received({"metadata": {"namespace": "b"}}, "a")


def test_names_are_generated_when_asked() -> None:
    """Five characters behind the prefix; a name that is given stays."""
    name = named({"metadata": {"generateName": "web-"}}, Random(1))["metadata"]["name"]
    assert name.startswith("web-")
    assert len(name) == 9
    assert named({"metadata": {"generateName": "web-", "name": "x"}}, Random(1))["metadata"]["name"] == "x"
    assert len(named({"metadata": {"generateName": "a" * 80}}, Random(1))["metadata"]["name"]) == 63


def test_birth() -> None:
    """A uid, a time, a generation where the kind has one, and no status of the writer's."""
    widget = born({"metadata": {"name": "x"}, "status": {"n": 1}}, WIDGET, BIRTH)
    assert widget == {"metadata": {"name": "x", "uid": "u-1", "creationTimestamp": "t1", "generation": 1}}
    assert "generation" not in born({"metadata": {}}, KINDS["ConfigMap"], BIRTH)["metadata"]


@pytest.mark.parametrize(
    ("new", "subresource", "spec", "status", "generation"),
    [
        ({"spec": {"size": 2}}, "", {"size": 2}, {"n": 1}, 3),
        ({"spec": {"size": 1}, "status": {"n": 9}}, "", {"size": 1}, {"n": 1}, 2),
        ({"spec": {"size": 9}, "status": {"n": 2}}, "status", {"size": 1}, {"n": 2}, 2),
        ({"spec": {"size": 9}}, "status", {"size": 1}, None, 2),
    ],
)
def test_each_path_changes_its_part(
    new: Object, subresource: str, spec: Object, status: Object | None, generation: int
) -> None:
    """The main path changes all but the status and counts generations; the status path only the status."""
    sent = {"metadata": {"name": "x", "namespace": "a", "creationTimestamp": "other", "labels": {"l": "m"}}, **new}
    result = changed(sent, stored(), WIDGET, subresource)
    assert (result["spec"], result.get("status")) == (spec, status)
    meta = result["metadata"]
    assert (meta["generation"], meta["creationTimestamp"], meta["uid"]) == (generation, "t1", "u-1")
    assert ("labels" in meta) is (subresource == "")


def test_status_of_built_in_kinds_may_change_labels() -> None:
    """As the real server allows; managedFields follow the writer."""
    sent = {
        "metadata": {"name": "x", "labels": {"l": "m"}, "managedFields": [{"manager": "k"}]},
        "status": {"phase": "Running"},
    }
    result = changed(sent, stored(), KINDS["Pod"], "status")
    assert result["metadata"]["labels"] == {"l": "m"}
    assert result["metadata"]["managedFields"] == [{"manager": "k"}]


def test_kinds_without_status_have_no_apart() -> None:
    """A ConfigMap is replaced as a whole."""
    result = changed(
        {"metadata": {"name": "x"}, "data": {"a": "b"}}, {"metadata": {"uid": "u"}, "data": {}}, KINDS["ConfigMap"], ""
    )
    assert result == {"metadata": {"name": "x", "uid": "u"}, "data": {"a": "b"}}


@pytest.mark.parametrize(
    ("kind", "meta", "field"),
    [
        ("Pod", {"namespace": "a"}, "metadata.name"),
        ("Pod", {"name": "UPPER", "namespace": "a"}, "metadata.name"),
        ("Pod", {"name": "a" * 254, "namespace": "a"}, "metadata.name"),
        ("Namespace", {"name": "a.b"}, "metadata.name"),
        ("Namespace", {"name": "a" * 64}, "metadata.name"),
        ("ClusterRole", {"name": "a/b"}, "metadata.name"),
        ("Pod", {"name": "x"}, "metadata.namespace"),
        ("Namespace", {"name": "x", "labels": {"-bad": "v"}}, "metadata.labels"),
        ("Namespace", {"name": "x", "labels": {"k": "bad value"}}, "metadata.labels"),
        ("Namespace", {"name": "x", "labels": {"k": "v" * 64}}, "metadata.labels"),
        ("Namespace", {"name": "x", "annotations": {"bad key": "v"}}, "metadata.annotations"),
        ("Namespace", {"name": "x", "finalizers": ["bad finalizer"]}, "metadata.finalizers[0]"),
        (
            "Namespace",
            {"name": "x", "ownerReferences": [{"name": "a", "controller": True}, {"name": "b", "controller": True}]},
            "metadata.ownerReferences",
        ),
    ],
)
def test_bad_metadata_is_refused(kind: str, meta: Object, field: str) -> None:
    """The error names the field."""
    assert [error.field for error in metadata_problems({"metadata": meta}, KINDS[kind])] == [field]


@pytest.mark.parametrize(
    ("kind", "name"), [("ClusterRole", "system:x"), ("Namespace", "a-1"), ("CustomResourceDefinition", "a.b")]
)
def test_good_metadata_passes(kind: str, name: str) -> None:
    """Names by the rules of their kind, qualified keys, any annotation."""
    meta = {
        "name": name,
        "labels": {"example.com/k": "v_1", "e": ""},
        "annotations": {"a.b/C": "any thing"},
        "finalizers": ["a.b/c"],
    }
    assert metadata_problems({"metadata": meta}, KINDS[kind]) == []


def test_identity_stays() -> None:
    """Name, namespace and uid cannot change."""
    new = {"metadata": {"name": "y", "namespace": "b", "uid": "u-2"}}
    assert [error.field for error in immutable_problems(new, stored())] == [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
    ]


def test_no_finalizers_are_added_to_what_is_being_deleted() -> None:
    """They can only go."""
    old = {"metadata": {"finalizers": ["a/b"], "deletionTimestamp": "t"}}
    assert immutable_problems({"metadata": {}}, old) == []
    found = immutable_problems({"metadata": {"finalizers": ["a/b", "c/d"]}}, old)
    assert [error.field for error in found] == ["metadata.finalizers"]

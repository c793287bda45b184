import json

from attrs import evolve

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.kinds import builtin_kinds
from aegis_local.kube.openapi import document, index
from support.in_memory_kube import widget_crd

WIDGET = kinds_of(widget_crd())[0]
KINDS = [*builtin_kinds(), WIDGET, evolve(WIDGET, kind="Gadget", plural="gadgets")]


def test_the_index_names_a_document_per_group_version() -> None:
    """Where kubectl finds them."""
    paths = index(KINDS)["paths"]
    assert paths["api/v1"] == {"serverRelativeURL": "/openapi/v3/api/v1"}
    assert "apis/example.com/v1" in paths


def test_each_document_is_complete() -> None:
    """Every reference leads to a schema of the same document."""
    for path in index(KINDS)["paths"]:
        found = document(KINDS, path)
        assert found is not None
        text = json.dumps(found)
        names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
        assert names <= found["components"]["schemas"].keys(), path


def test_writes_take_field_validation() -> None:
    """kubectl looks for this parameter at the PATCH of a kind before it validates on the server."""
    found = document(KINDS, "apis/example.com/v1")
    assert found is not None
    patch = found["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"]
    assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
    assert patch["x-kubernetes-group-version-kind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}
    assert found["components"]["schemas"]["com.example.v1.Widget"]["properties"]["spec"]["required"] == ["size"]


def test_reviews_have_no_stored_paths() -> None:
    """And an unknown version has no document."""
    found = document(KINDS, "apis/authentication.k8s.io/v1")
    assert found is not None
    assert found["paths"] == {}
    assert document(KINDS, "apis/none/v1") is None

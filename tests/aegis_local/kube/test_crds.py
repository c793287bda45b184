from typing import Any

import pytest

from aegis_local.kube.crds import established, kinds_of, problems
from aegis_local.kube.objects import Object, copied
from support.in_memory_kube import widget_crd


def changed(change: Any) -> Object:
    crd: Object = copied(widget_crd())
    change(crd)
    return crd


def of_version(**more: Any) -> Any:
    return lambda crd: crd["spec"]["versions"][0].update(more)


def of_spec_schema(**more: Any) -> Any:
    return lambda crd: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].update(more)


def test_a_definition_makes_a_kind_per_served_version() -> None:
    """With names, columns, subresources and the schema that every object shares."""
    crd = widget_crd()
    crd["spec"]["versions"].append(
        {
            "name": "v2",
            "served": True,
            "storage": False,
            "deprecated": True,
            "selectableFields": [{"jsonPath": ".spec.size"}],
        }
    )
    crd["spec"]["versions"].append({"name": "v3", "served": False, "storage": False})
    first, second = kinds_of(crd)
    assert (first.kind, first.singular, first.list_kind, first.namespaced) == ("Widget", "widget", "WidgetList", True)
    assert first.subresources == {"status", "scale"}
    assert first.scale is not None
    assert [column.name for column in first.columns] == ["Size"]
    assert (second.storage_version, second.scale, second.selectable) == ("v1", None, ("spec.size",))
    assert second.deprecation == "example.com/v2 Widget is deprecated"
    assert [column.name for column in second.columns] == ["Age"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda crd: crd["metadata"].update(name="other"), "metadata.name"),
        (lambda crd: crd["spec"].update(scope="Galactic"), "spec.scope"),
        (lambda crd: crd["spec"].update(conversion={"strategy": "Webhook"}), "spec.conversion.strategy"),
        (of_version(storage=False), "spec.versions"),
        (of_version(name="V1"), "spec.versions[0].name"),
        (of_version(schema=None), "spec.versions[0].schema.openAPIV3Schema"),
        (of_version(schema={"openAPIV3Schema": {"type": "string"}}), "spec.versions[0].schema.openAPIV3Schema.type"),
        (
            of_version(additionalPrinterColumns=[{"name": "x", "type": "string", "jsonPath": "x"}]),
            "spec.versions[0].additionalPrinterColumns[0].jsonPath",
        ),
        (of_spec_schema(type=""), "spec.versions[0].schema.openAPIV3Schema.properties[spec].type"),
        (
            of_spec_schema(properties={"a": {"type": "string", "pattern": "("}}),
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a].pattern",
        ),
        (
            of_spec_schema(properties={"a": {"type": "array"}}),
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a].items",
        ),
        (
            of_spec_schema(
                additionalProperties={"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}
            ),
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].additionalProperties.x-kubernetes-list-map-keys",
        ),
        (
            of_spec_schema(
                properties={
                    "a": {
                        "type": "array",
                        "items": {"type": "object"},
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["n"],
                    }
                }
            ),
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a].x-kubernetes-list-map-keys",
        ),
    ],
)
def test_a_wrong_definition_is_refused(change: Any, field: str) -> None:
    """The error names the field."""
    assert [error.field for error in problems(changed(change))] == [field]


def test_a_right_definition_passes() -> None:
    """Nothing is wrong with it."""
    assert problems(widget_crd()) == []


def test_established_definition_tells_its_names() -> None:
    """Conditions, accepted names and stored versions; a second time changes nothing."""
    once = established(widget_crd(), "t1")
    status = once["status"]
    assert {condition["type"]: condition["status"] for condition in status["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert status["acceptedNames"]["listKind"] == "WidgetList"
    assert status["storedVersions"] == ["v1"]
    assert established(once, "t2") == once

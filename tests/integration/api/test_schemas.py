"""Schemas of custom resources: what they refuse, fill in and drop."""

from typing import Any

import pytest

from support.kube_client import Answer, KubeClient
from support.widgets import widget, widgets_in

BAD_SPECS: dict[str, tuple[dict[str, Any], str]] = {
    "required": ({"size": None}, "spec.size"),
    "minimum": ({"size": 0}, "spec.size"),
    "maximum": ({"size": 101}, "spec.size"),
    "type": ({"size": "1"}, "spec.size"),
    "fraction": ({"size": 1.5}, "spec.size"),
    "enum": ({"colour": "blue"}, "spec.colour"),
    "max length": ({"tags": ["x" * 11]}, "spec.tags[0]"),
    "set": ({"tags": ["x", "x"]}, "spec.tags[1]"),
    "map keys": ({"ports": [{"name": "a"}, {"name": "a"}]}, "spec.ports[1]"),
    "missing map key": ({"ports": [{"number": 1}]}, "spec.ports[0].name"),
    "format": ({"when": "yesterday"}, "spec.when"),
    "int or string": ({"either": True}, "spec.either"),
    "rule": ({"size": 5, "limit": 4}, "spec"),
}


@pytest.mark.parametrize(("spec", "field"), BAD_SPECS.values(), ids=BAD_SPECS)
def test_bad_value_is_refused_by_its_path(client: KubeClient, namespace: str, spec: dict[str, Any], field: str) -> None:
    """422 Invalid, with the field in the causes and in the message."""
    body = widget("a", **spec)
    body["spec"] = {key: value for key, value in body["spec"].items() if value is not None}
    answer = client.create(widgets_in(namespace), body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert field in fields_of(answer)
    assert answer.message.startswith('Widget.tests.example "a" is invalid: ')
    assert field in answer.message


def test_all_faults_are_named_at_once(client: KubeClient, namespace: str) -> None:
    """An object with several faults gets them all in one answer."""
    answer = client.create(widgets_in(namespace), widget("a", size=0, colour="blue"))
    assert {"spec.size", "spec.colour"} <= fields_of(answer)


def test_defaults_are_filled_in(client: KubeClient, namespace: str) -> None:
    """Defaults appear in the stored object, inside list items as well."""
    spec = client.create(widgets_in(namespace), widget("a", ports=[{"name": "x"}])).ok()["spec"]
    assert spec == {"size": 1, "colour": "red", "ports": [{"name": "x", "number": 80}]}


def test_null_takes_the_default_or_stays_where_it_may(client: KubeClient, namespace: str) -> None:
    """A null in a field with a default becomes the default; a nullable field keeps it; elsewhere it is dropped."""
    spec = client.create(widgets_in(namespace), widget("a", colour=None, note=None)).ok()["spec"]
    assert spec == {"size": 1, "colour": "red", "note": None}


def test_null_is_refused_where_the_type_says_otherwise(client: KubeClient, namespace: str) -> None:
    """A field that is not nullable and has no default does not take a null in a list."""
    answer = client.create(widgets_in(namespace), widget("a", tags=[None]))
    assert answer.status == 422


def test_unknown_fields_are_dropped_by_default(client: KubeClient, namespace: str) -> None:
    """Pruning drops what the schema does not name, but not below x-kubernetes-preserve-unknown-fields."""
    answer = client.create(widgets_in(namespace), widget("a", unknown=1, free={"kept": {"deep": 1}}))
    assert answer.ok()["spec"] == {"size": 1, "colour": "red", "free": {"kept": {"deep": 1}}}


def test_unknown_fields_are_refused_when_strict(client: KubeClient, namespace: str) -> None:
    """`fieldValidation=Strict` makes them a 400 that names the field; `Warn` a Warning header."""
    strict = client.create(widgets_in(namespace), widget("a", unknown=1), fieldValidation="Strict")
    assert (strict.status, strict.reason) == (400, "BadRequest")
    assert 'strict decoding error: unknown field "spec.unknown"' in strict.message
    warned = client.create(widgets_in(namespace), widget("a", unknown=1), fieldValidation="Warn")
    assert warned.status == 201
    assert warned.headers["Warning"] == r'299 - "unknown field \"spec.unknown\""'


def test_transition_rule_sees_the_old_value(client: KubeClient, namespace: str) -> None:
    """A CEL rule with oldSelf holds for updates and not for the creation."""
    client.create(widgets_in(namespace), widget("a", limit=10)).ok()
    grown = client.patch(widgets_in(namespace, "a"), {"spec": {"limit": 11}})
    assert grown.status == 200
    shrunk = client.patch(widgets_in(namespace, "a"), {"spec": {"limit": 9}})
    assert (shrunk.status, shrunk.reason) == (422, "Invalid")
    assert "limit never shrinks" in shrunk.message


def test_status_is_validated_too(client: KubeClient, namespace: str) -> None:
    """A bad status is refused at the status subresource."""
    client.create(widgets_in(namespace), widget("a")).ok()
    body = {"status": {"conditions": [{"type": "Ready"}]}}
    answer = client.patch(widgets_in(namespace, "a", "status"), body)
    assert answer.status == 422
    assert "status.conditions[0].status" in fields_of(answer)


def test_bad_definition_is_refused(client: KubeClient) -> None:
    """A CRD whose name does not follow from its group and plural is 422."""
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "wrong.tests.example"},
        "spec": {
            "group": "tests.example",
            "scope": "Namespaced",
            "names": {"kind": "Gadget", "plural": "gadgets"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    }
    answer = client.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert "metadata.name" in fields_of(answer)


def fields_of(answer: Answer) -> set[str]:
    """The fields that a refusal is about."""
    return {cause.get("field", "") for cause in answer.body["details"].get("causes", [])}

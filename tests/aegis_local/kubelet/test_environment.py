"""A container's environment."""

from typing import Any

import pytest

from aegis_local.kubelet.environment import Missing, Source, expanded, field_of, sources_of, variables_of

POD: dict[str, Any] = {
    "metadata": {
        "name": "a",
        "namespace": "b",
        "uid": "u",
        "labels": {"app": "x", "tier": 'q"\\\n'},
        "annotations": {"k/v": "1"},
    },
    "spec": {"serviceAccountName": "sa"},
}
DATA = {Source("ConfigMap", "c"): {"x": b"1", "y": b"2"}, Source("Secret", "s"): {"k": b"secret"}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "a"),
        ("metadata.namespace", "b"),
        ("metadata.uid", "u"),
        ("metadata.labels['app']", "x"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['k/v']", "1"),
        ("metadata.labels", 'app="x"\ntier="q\\"\\\\\\n"'),
        ("metadata.annotations", 'k/v="1"'),
        ("spec.nodeName", "local"),
        ("spec.serviceAccountName", "sa"),
        ("status.podIP", "127.0.0.1"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_fields(path: str, value: str) -> None:
    """The downward API's fields, as Kubernetes writes them."""
    assert field_of(POD, path) == value


def test_an_unknown_field_is_missing() -> None:
    """The text names it."""
    with pytest.raises(Missing, match=r"no field status\.nothing"):
        field_of(POD, "status.nothing")


@pytest.mark.parametrize(
    ("text", "value"),
    [("$(A)b", "1b"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("$A", "$A"), ("a$", "a$"), ("$(A)$(A)", "11")],
)
def test_references_to_variables(text: str, value: str) -> None:
    """Known names are replaced, unknown ones stay, and `$$` is a dollar."""
    assert expanded(text, {"A": "1"}) == value


def container(*env: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "c", "env": list(env), **fields}


def test_variables_come_in_order_and_may_use_earlier_ones() -> None:
    """Values, fields, keys of ConfigMaps and Secrets."""
    found = variables_of(
        container(
            {"name": "A", "value": "1"},
            {"name": "B", "value": "$(A)-$(C)"},
            {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "x"}}},
            {"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "F"},
        ),
        POD,
        DATA,
    )
    assert found == {"A": "1", "B": "1-$(C)", "C": "a", "D": "1", "E": "secret", "F": ""}


def test_whole_sources_come_first() -> None:
    """`envFrom` gives every key, with its prefix, and `env` beats it."""
    given = container({"name": "p_x", "value": "mine"}, envFrom=[{"prefix": "p_", "configMapRef": {"name": "c"}}])
    assert variables_of(given, POD, DATA) == {"p_x": "mine", "p_y": "2"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (container(envFrom=[{"secretRef": {"name": "none"}}]), "Secret none does not exist"),
        (
            container({"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "z"}}}),
            "ConfigMap c has no key z",
        ),
        (
            container({"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "z"}}}),
            "Secret none has no key z",
        ),
        (container({"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}), "resourceFieldRef"),
    ],
)
def test_what_is_missing_is_named(given: dict[str, Any], message: str) -> None:
    """A container waits until it is there."""
    with pytest.raises(Missing, match=message):
        variables_of(given, POD, DATA)


def test_optional_sources_may_be_absent() -> None:
    """No variable comes of them."""
    reference = {"name": "none", "key": "z", "optional": True}
    given = container(
        {"name": "A", "valueFrom": {"secretKeyRef": reference}},
        envFrom=[{"configMapRef": {"name": "none", "optional": True}}],
    )
    assert variables_of(given, POD, DATA) == {}


def test_the_sources_of_a_container_are_known_beforehand() -> None:
    """So that they can be read before it starts."""
    given = container(
        {"name": "A", "value": "1"},
        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        envFrom=[{"configMapRef": {"name": "c"}}],
    )
    assert sources_of(given) == {Source("Secret", "s"), Source("ConfigMap", "c")}

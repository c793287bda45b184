from typing import Any

import pytest

from aegis_local.kube.structural import (
    field_schema,
    is_atomic,
    item_key,
    item_schema,
    list_keys,
    preserves_unknown,
    prune,
    with_defaults,
    without_nulls,
)

SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "integer", "default": 1},
        "b": {"type": "object", "properties": {"c": {"type": "string", "default": "x"}}, "default": {}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer", "default": 7}}}},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"k": {"type": "string"}}}},
        "any": {"type": "object", "additionalProperties": True},
        "free": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"known": {"type": "object"}},
        },
        "embedded": {"type": "object", "x-kubernetes-embedded-resource": True},
        "maybe": {"type": "string", "nullable": True, "default": "d"},
    },
}


def test_unknown_fields_are_pruned_and_named() -> None:
    """Free and untyped places keep theirs."""
    value = {
        "a": 1,
        "x": 1,
        "b": {"c": "y", "d": 1},
        "list": [{"n": 1, "m": 2}],
        "map": {"key": {"k": "v", "q": 1}},
        "any": {"z": {"deep": 1}},
        "free": {"u": {"v": 1}, "known": {"w": 1}},
        "embedded": {"kind": "X", "metadata": {"name": "n", "bogus": 1}, "spec": 1},
    }
    kept, dropped = prune(value, SCHEMA)
    assert dropped == [
        "x",
        "b.d",
        "list[0].m",
        "map.key.q",
        "free.known.w",
        "embedded.metadata.bogus",
        "embedded.spec",
    ]
    assert kept["free"] == {"u": {"v": 1}, "known": {}}
    assert kept["any"] == {"z": {"deep": 1}}


def test_defaults_fill_what_is_missing() -> None:
    """At every level that is there; a null with a default counts as missing unless it may be null."""
    assert with_defaults({"list": [{}], "a": None, "maybe": None, "x": 1}, SCHEMA) == {
        "list": [{"n": 7}],
        "maybe": None,
        "x": 1,
        "a": 1,
        "b": {"c": "x"},
    }


def test_defaults_are_not_shared() -> None:
    """Two objects never hold the same default."""
    first, second = with_defaults({}, SCHEMA), with_defaults({}, SCHEMA)
    first["b"]["c"] = "changed"
    assert second["b"]["c"] == "x"


def test_nulls_of_typed_fields_are_dropped() -> None:
    """As Go's decoding does; untyped JSON keeps them."""
    value = {"a": None, "b": {"c": None}, "list": [{"n": None}], "any": {"z": None}}
    assert without_nulls(value, SCHEMA) == {"b": {}, "list": [{}], "any": {"z": None}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, True),
        ({"type": "object"}, False),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, True),
        ({"x-kubernetes-int-or-string": True}, False),
        ({"properties": {}}, False),
    ],
)
def test_untyped_schemas_preserve(schema: dict[str, Any], expected: bool) -> None:
    """A schema without a type is any JSON."""
    assert preserves_unknown(schema) is expected


def test_list_items_have_keys() -> None:
    """A map list names them; a missing one takes its default."""
    schema = {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {"properties": {"protocol": {"default": "TCP"}}},
    }
    assert list_keys(schema) == ("port", "protocol")
    assert item_key({"port": 1}, schema) == (1, "TCP")
    assert item_key("not an object", schema) == (None, "TCP")
    assert list_keys({"x-kubernetes-list-type": "set"}) == ()


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        (1, {}, True),
        ({}, {}, False),
        ({}, {"x-kubernetes-map-type": "atomic"}, True),
        ([], {}, True),
        ([], {"x-kubernetes-list-type": "atomic"}, True),
        ([], {"x-kubernetes-list-type": "set"}, False),
    ],
)
def test_atomic_values(value: Any, schema: dict[str, Any], expected: bool) -> None:
    """Scalars, plain lists and what is marked so."""
    assert is_atomic(value, schema) is expected


def test_schemas_of_parts() -> None:
    """None for an unknown field; any JSON for items without a schema."""
    assert field_schema({"type": "object"}, "x") is None
    assert item_schema({}) == {"x-kubernetes-preserve-unknown-fields": True}

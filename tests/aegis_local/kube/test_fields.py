from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_local.kube.fields import compare, decoded, element_of, encoded, held, shown, without

ITEMS = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["port", "protocol"],
    "items": {
        "type": "object",
        "properties": {
            "port": {"type": "integer"},
            "protocol": {"type": "string", "default": "TCP"},
            "name": {"type": "string"},
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "ports": ITEMS,
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "args": {"type": "array", "items": {"type": "string"}},
        "selector": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
        "nested": {"type": "object", "properties": {"x": {"type": "integer"}}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
PORT = 'k:{"port":80,"protocol":"TCP"}'


def test_configuration_holds_its_leaves() -> None:
    """Maps by key, lists by item key or value, atomic parts as one."""
    value = {
        "labels": {"a": "1"},
        "ports": [{"port": 80, "name": "http"}],
        "tags": ["x"],
        "args": ["-v"],
        "selector": {"a": "1"},
        "nested": {"x": None},
        "free": {"any": {}},
    }
    assert held(value, SCHEMA) == {
        ("f:labels", "f:a"),
        ("f:ports", PORT),
        ("f:ports", PORT, "f:port"),
        ("f:ports", PORT, "f:name"),
        ("f:tags", 'v:"x"'),
        ("f:args",),
        ("f:selector",),
        ("f:nested", "f:x"),
        ("f:free", "f:any"),
    }


def test_items_are_named_by_their_keys_with_defaults() -> None:
    """A missing key takes its default; one without a default is left out."""
    assert element_of({"port": 80}, ITEMS) == PORT
    assert element_of({"protocol": "UDP"}, ITEMS) == 'k:{"protocol":"UDP"}'


def test_comparison_names_what_came_and_went() -> None:
    """Added or modified, and removed, with everything below."""
    old = {"labels": {"a": "1", "b": "1"}, "ports": [{"port": 80, "name": "http"}], "args": ["x"]}
    new = {"labels": {"a": "2", "c": "1"}, "args": ["x"], "nested": {"x": 1}}
    changed, removed = compare(old, new, SCHEMA)
    assert changed == {("f:labels", "f:a"), ("f:labels", "f:c"), ("f:nested",), ("f:nested", "f:x")}
    assert removed == {
        ("f:labels", "f:b"),
        ("f:ports",),
        ("f:ports", PORT),
        ("f:ports", PORT, "f:port"),
        ("f:ports", PORT, "f:name"),
    }


def test_a_change_of_type_is_a_change() -> None:
    """An object that becomes a list is one modified field."""
    assert compare({"free": {"a": {}}}, {"free": {"a": []}}, SCHEMA) == (frozenset({("f:free", "f:a")}), frozenset())


def test_removal_takes_emptied_parents_along() -> None:
    """A list or object that loses its last part goes too; null values stay."""
    value = {"labels": {"a": "1"}, "ports": [{"port": 80}], "nested": {"x": None}, "args": ["v"]}
    left = without(value, frozenset({("f:labels", "f:a"), ("f:ports", PORT), ("f:nested", "f:y"), ("f:args",)}), SCHEMA)
    assert left == {"nested": {"x": None}}
    assert without({"labels": {"a": "1"}}, frozenset({("f:labels", "f:a")}), SCHEMA) is None
    assert without(value, frozenset(), SCHEMA) is value


ELEMENT = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=3).map(lambda name: f"f:{name}")


@given(st.frozensets(st.lists(ELEMENT, min_size=1, max_size=4).map(tuple), max_size=8))
def test_fields_v1_round_trip(paths: Any) -> None:
    """Decoding what was encoded gives the same set."""
    assert decoded(encoded(paths)) == paths


def test_fields_v1_marks_members_that_have_children() -> None:
    """The dot tells that a node is owned itself."""
    paths = frozenset({("f:a",), ("f:a", "f:b"), ("f:c", "f:d")})
    assert encoded(paths) == {"f:a": {".": {}, "f:b": {}}, "f:c": {"f:d": {}}}


@pytest.mark.parametrize("fields", [[], {"x:a": {}}, {"f:a": 1}])
def test_malformed_fields_v1_is_refused(fields: Any) -> None:
    """The text names what is wrong."""
    with pytest.raises(ValueError, match="fieldsV1 holds"):
        decoded(fields)


def test_paths_are_shown_as_messages_do() -> None:
    """Fields by dots, items by keys or values or index."""
    assert shown(("f:spec", 'k:{"name":"a","port":1}', "f:x")) == '.spec[name="a",port=1].x'
    assert shown(("f:tags", 'v:"x"')) == '.tags[="x"]'
    assert shown(("f:args", "i:0")) == ".args[0]"

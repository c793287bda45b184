from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_local.kube.patches import BadPatchError, json_patch, merge_patch, same, strategic_merge_patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": 1}, [{"op": "replace", "path": "/a", "value": 2}], {"a": 2}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": 2}], 2),
        ({"a": [1, 2]}, [{"op": "replace", "path": "/a/0", "value": 9}], {"a": [9, 2]}),
        ({"a": 1, "b": [2]}, [{"op": "remove", "path": "/b/0"}, {"op": "remove", "path": "/a"}], {"b": []}),
        ({"a": {"x": 1}}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": {"x": 1}, "b": {"x": 1}}),
        ({"a": {"x": 1}}, [{"op": "move", "from": "/a/x", "path": "/y"}], {"a": {}, "y": 1}),
        ({"a~/": 1}, [{"op": "test", "path": "/a~0~1", "value": 1}], {"a~/": 1}),
    ],
)
def test_json_patch(document: Any, patch: Any, expected: Any) -> None:
    """RFC 6902, operation by operation; the document itself stays."""
    before = repr(document)
    assert json_patch(document, patch) == expected
    assert repr(document) == before


@pytest.mark.parametrize(
    "patch",
    [
        {"op": "add"},
        [1],
        [{"op": "add", "path": 1}],
        [{"op": "add", "path": "/x"}],
        [{"op": "move", "path": "/x"}],
        [{"op": "twist", "path": "/a"}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "add", "path": "/none/x", "value": 1}],
        [{"op": "add", "path": "/a/x", "value": 1}],
        [{"op": "add", "path": "/list/9", "value": 1}],
        [{"op": "add", "path": "/list/01", "value": 1}],
        [{"op": "remove", "path": "/list/1"}],
        [{"op": "remove", "path": "/none"}],
        [{"op": "remove", "path": ""}],
        [{"op": "test", "path": "/a", "value": True}],
    ],
)
def test_bad_json_patches_are_refused(patch: Any) -> None:
    """Malformed operations, missing places and failed tests."""
    with pytest.raises(BadPatchError):
        json_patch({"a": 1, "list": [1]}, patch)


@given(JSON, JSON)
def test_merge_patch_leaves_no_null_and_sets_what_it_says(document: Any, patch: Any) -> None:
    """RFC 7386: applied twice it changes nothing more."""
    once = merge_patch(document, patch)
    assert same(merge_patch(once, patch), once)


def test_merge_patch_removes_by_null() -> None:
    """Null takes a field away, objects merge, lists are replaced."""
    document = {"a": 1, "b": {"c": 1, "d": [1, 2]}}
    assert merge_patch(document, {"a": None, "b": {"d": [3]}, "e": {"f": None}}) == {"b": {"c": 1, "d": [3]}, "e": {}}


@given(JSON)
def test_every_value_is_the_same_as_itself(value: Any) -> None:
    """JSON equality is reflexive."""
    assert same(value, value)


@pytest.mark.parametrize(
    ("left", "right"), [(1, True), (0, False), ([1], [True]), ({"a": 1}, {"a": 1, "b": 2}), ([1], [1, 1])]
)
def test_json_equality_knows_booleans(left: Any, right: Any) -> None:
    """Unlike Python's, True is not 1."""
    assert not same(left, right)


CONTAINERS = {
    "type": "array",
    "x-kubernetes-patch-strategy": "merge",
    "x-kubernetes-patch-merge-key": "name",
    "items": {"properties": {"env": {"type": "object"}}},
}
SCHEMA = {
    "properties": {
        "containers": CONTAINERS,
        "finalizers": {"type": "array", "x-kubernetes-patch-strategy": "merge"},
        "args": {"type": "array"},
        "labels": {"additionalProperties": {"type": "string"}},
    }
}


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        (
            {"containers": [{"name": "a", "image": "1"}, {"name": "b"}]},
            {"containers": [{"name": "a", "image": "2"}, {"name": "c"}]},
            {"containers": [{"name": "a", "image": "2"}, {"name": "b"}, {"name": "c"}]},
        ),
        (
            {"containers": [{"name": "a"}, {"name": "b"}]},
            {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "b", "x": 1}]},
            {"containers": [{"name": "b", "x": 1}, {"name": "a"}]},
        ),
        ({"containers": [{"name": "a"}]}, {"containers": [{"$patch": "delete", "name": "a"}]}, {"containers": []}),
        (
            {"containers": [{"name": "a"}]},
            {"containers": [{"$patch": "delete", "name": "z"}]},
            {"containers": [{"name": "a"}]},
        ),
        (
            {"containers": [{"name": "a"}]},
            {"containers": [{"$patch": "replace"}, {"name": "b"}]},
            {"containers": [{"name": "b"}]},
        ),
        ({"finalizers": ["a"]}, {"finalizers": ["b", "a"]}, {"finalizers": ["a", "b"]}),
        (
            {"finalizers": ["a", "b", "c"]},
            {"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["c", "b"]},
            {"finalizers": ["c", "b"]},
        ),
        ({"args": ["a"]}, {"args": ["b"]}, {"args": ["b"]}),
        ({"labels": {"a": "1"}}, {"labels": {"a": None, "b": "2"}}, {"labels": {"b": "2"}}),
        ({"x": {"a": 1, "b": 2}}, {"x": {"$retainKeys": ["b", "c"], "c": 3}}, {"x": {"b": 2, "c": 3}}),
        ({"x": {"a": 1}}, {"x": {"$patch": "replace", "b": 2}}, {"x": {"b": 2}}),
        ({"x": {"a": 1}}, {"x": {"$patch": "delete"}}, {"x": {}}),
        ({"x": 1}, {"x": {"b": 2}}, {"x": {"b": 2}}),
        ({}, {"$setElementOrder/containers": [{"name": "b"}]}, {}),
    ],
)
def test_strategic_merge_patch(document: Any, patch: Any, expected: Any) -> None:
    """Lists with a merge key merge by it, and directives direct."""
    assert strategic_merge_patch(document, patch, SCHEMA) == expected


def test_strategic_merge_patch_needs_its_key() -> None:
    """An item without its merge key belongs nowhere."""
    with pytest.raises(BadPatchError, match="declared merge key: name"):
        strategic_merge_patch({}, {"containers": [{"image": "x"}]}, SCHEMA)

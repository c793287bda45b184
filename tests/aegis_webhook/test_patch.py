"""JSON Patches."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_webhook.patch import difference
from support.admission import apply_patch


@pytest.mark.parametrize(
    ("old", "new", "operations"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({}, {"a/b~c": 1}, [{"op": "add", "path": "/a~1b~0c", "value": 1}]),
        ({"a": 1}, {}, [{"op": "remove", "path": "/a"}]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [{"op": "replace", "path": "/a/b", "value": 2}]),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        ([{"name": "x"}], [{"name": "y"}, {"name": "x"}], [{"op": "add", "path": "/0", "value": {"name": "y"}}]),
        ([1, 2], [1], [{"op": "remove", "path": "/1"}]),
        (
            [{"name": "x"}],
            [{"name": "y"}, {"name": "x", "z": 1}],
            [{"op": "add", "path": "/0", "value": {"name": "y"}}, {"op": "add", "path": "/1/z", "value": 1}],
        ),
    ],
)
def test_only_what_differs_is_touched(old: Any, new: Any, operations: list[Any]) -> None:
    """A member or item that is new is added; lists are never overwritten."""
    assert difference(old, new) == operations


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.sampled_from([1.0, "a", "~", "/", ""]))
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["name", "a", "b/~", ""]), inner, max_size=3),
    ),
    max_leaves=16,
)


@given(_DOCUMENTS, _DOCUMENTS)
@settings(max_examples=800)
def test_a_patch_leads_from_one_document_to_the_other(old: Any, new: Any) -> None:
    """Applied to the old document, the operations make the new one."""
    operations = difference(old, new)
    assert repr(apply_patch(old, operations)) == repr(new) or apply_patch(old, operations) == new
    assert difference(new, apply_patch(old, operations)) == []

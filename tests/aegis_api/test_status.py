"""What the mesh itself wrote into a status."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.reading import Node
from aegis_api.status import text_of, texts

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def test_texts_are_read_by_name() -> None:
    """Only what is a text counts."""
    assert texts(Node({"metadata": {"role": "r", "odd": 1}}), "metadata") == {"role": "r"}


@pytest.mark.parametrize("status", [None, Node("x"), Node({}), Node({"metadata": []}), Node({"metadata": {5: "x"}})])
def test_what_is_odd_counts_as_absent(status: Node | None) -> None:
    """An author could not mend it."""
    assert texts(status, "metadata") == {}


def test_a_text_is_read_by_name() -> None:
    """What is no text counts as absent."""
    assert text_of(Node({"issuer": "i"}), "issuer") == "i"
    assert [text_of(status, "issuer") for status in (None, Node("x"), Node({}), Node({"issuer": 5}))] == [""] * 4


@given(json_values)
def test_any_status_can_be_read(status: object) -> None:
    """Nothing in a status makes an object unreadable."""
    assert all(isinstance(value, str) for value in texts(Node({"a": status}), "a").values())

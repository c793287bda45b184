"""Nodes, fields, and how a document is refused."""

import re
from typing import Any

import pytest

from aegis_api.reading import Node, ParseError, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        ("a", '"a"'),
        ("a" * 81, '"' + "a" * 80 + '..."'),
        ({}, "an empty object"),
        ({"a": 1}, "an object"),
        ([], "an empty list"),
        ([1], "a list"),
        (7, "7"),
        (-1.5, "-1.5"),
        pytest.param(1 << 20000, "a huge number", id="huge"),
    ],
)
def test_values_are_shown_as_their_author_knows_them(value: object, text: str) -> None:
    """Any JSON value has a short text."""
    assert shown(value) == text


@pytest.mark.parametrize(
    ("reader", "value", "wanted"),
    [
        ("string", 1, "a string"),
        ("boolean", "true", "true or false"),
        ("boolean", 1, "true or false"),
        ("items", {}, "a list"),
        ("fields", [], "an object"),
        ("fields", None, "an object"),
    ],
)
def test_another_type_is_refused(reader: str, value: object, wanted: str) -> None:
    """A node that holds something else says path, what came and what was wanted."""
    with pytest.raises(ParseError) as error:
        getattr(Node(value, "spec.a"), reader)()
    assert str(error.value) == f"spec.a: got {shown(value)}, wanted {wanted}"
    assert (error.value.path, error.value.wanted) == ("spec.a", wanted)


@pytest.mark.parametrize("value", [0, 6, True, "3", 3.0, None])
def test_numbers_have_bounds(value: object) -> None:
    """A number out of bounds, or a boolean in its place, is refused."""
    assert Node(3).integer(1, 5) == 3
    with pytest.raises(ParseError, match="a whole number from 1 to 5"):
        Node(value).integer(1, 5)


def test_the_whole_string_must_match() -> None:
    """A pattern holds from end to end, line breaks included."""
    pattern = re.compile("a+")
    assert Node("aa").matching(pattern, "a") == "aa"
    for value in ("aa\n", "b", 1):
        with pytest.raises(ParseError):
            Node(value).matching(pattern, "a")


@pytest.mark.parametrize("value", ["c", None, ["a"]])
def test_choices(value: object) -> None:
    """A choice is one of its strings."""
    assert Node("a").one_of({"a": 1, "b": 2}) == 1
    with pytest.raises(ParseError, match="wanted a or b"):
        Node(value, "x").one_of({"a": 1, "b": 2})


def test_paths_lead_to_members_and_items() -> None:
    """Each node knows the way from the root of its document."""
    fields = Node({"rules": [{"a": 1}], "map": {"k": "v"}}).fields()
    rules, mapping = fields.required("rules"), fields.required("map")
    assert [node.path for node in rules.items()] == ["rules[0]"]
    assert next(rules.items()).fields().required("a").path == "rules[0].a"
    assert [(name, node.path) for name, node in mapping.entries()] == [("k", "map.k")]
    fields.done()


def test_lists_may_be_bounded() -> None:
    """A list longer than it may be is refused with both lengths."""
    assert len(list(Node([1, 2]).items(2))) == 2
    with pytest.raises(ParseError, match="a: got 3 items, wanted at most 2"):
        Node([1, 2, 3], "a").items(2)


def test_null_counts_as_absent() -> None:
    """A member that is null is absent, as in Kubernetes."""
    fields = Node({"a": None}, "spec").fields()
    assert fields.optional("a") is None
    with pytest.raises(ParseError, match="spec: got no a, wanted the field a"):
        fields.required("a")


def test_unknown_members_are_refused() -> None:
    """A misspelt member is refused with the known ones; ignored ones are somebody else's."""
    fields = Node({"a": 1, "status": {}, "b": 2}).fields()
    fields.ignore("status", "absent")
    fields.optional("a")
    with pytest.raises(ParseError, match="the document: got the unknown field b, wanted only the fields a"):
        fields.done()


def test_member_names_are_strings() -> None:
    """YAML allows other names; Kubernetes does not."""
    document: dict[Any, Any] = {1: "a"}
    with pytest.raises(ParseError, match="the member name 1, wanted names that are strings"):
        Node(document).fields()

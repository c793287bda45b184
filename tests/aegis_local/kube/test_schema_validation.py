from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_local.kube.schema_validation import type_of, validate


@pytest.mark.parametrize(
    ("value", "schema", "message"),
    [
        (1, {"type": "string"}, 'x: Invalid value: "integer": x in body must be of type string: "integer"'),
        (True, {"type": "integer"}, 'x: Invalid value: "boolean": x in body must be of type integer: "boolean"'),
        (None, {"type": "object"}, 'x: Invalid value: "null": x in body must be of type object: "null"'),
        (
            1.5,
            {"x-kubernetes-int-or-string": True},
            'x: Invalid value: "number": x in body must be of type integer,string: "number"',
        ),
        (
            None,
            {"x-kubernetes-int-or-string": True},
            'x: Invalid value: "null": x in body must be of type integer or string: "null"',
        ),
        ("c", {"type": "string", "enum": ["a", "b"]}, 'x: Unsupported value: "c": supported values: "a", "b"'),
        ("abc", {"type": "string", "maxLength": 2}, "x: Too long: may not be more than 2 bytes"),
        ("", {"type": "string", "minLength": 1}, 'x: Invalid value: "": x in body should be at least 1 chars long'),
        ("B", {"type": "string", "pattern": "^[a-z]$"}, "x: Invalid value: \"B\": x in body should match '^[a-z]$'"),
        (
            "y",
            {"type": "string", "format": "date-time"},
            'x: Invalid value: "y": x in body must be of type date-time: "y"',
        ),
        ("x", {"type": "string", "format": "uri"}, 'x: Invalid value: "x": x in body must be of type uri: "x"'),
        ("_", {"type": "string", "format": "byte"}, 'x: Invalid value: "_": x in body must be of type byte: "_"'),
        (5, {"type": "integer", "maximum": 4}, "x: Invalid value: 5: x in body should be less than or equal to 4"),
        (
            4,
            {"type": "integer", "maximum": 4, "exclusiveMaximum": True},
            "x: Invalid value: 4: x in body should be less than 4",
        ),
        (0, {"type": "integer", "minimum": 1}, "x: Invalid value: 0: x in body should be greater than or equal to 1"),
        (
            1,
            {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
            "x: Invalid value: 1: x in body should be greater than 1",
        ),
        (3, {"type": "integer", "multipleOf": 2}, "x: Invalid value: 3: x in body should be a multiple of 2"),
        (
            2**31,
            {"type": "integer", "format": "int32"},
            "x: Invalid value: 2147483648: x in body must be of type int32: 2147483648",
        ),
        ({}, {"type": "object", "required": ["a"]}, "x.a: Required value"),
        (
            {"a": 1, "b": 2},
            {"type": "object", "maxProperties": 1, "additionalProperties": True},
            "x: Too many: 2: must have at most 1 items",
        ),
        (
            {},
            {"type": "object", "minProperties": 1},
            "x: Invalid value: 0: x in body should have at least 1 properties",
        ),
        ([1, 2], {"type": "array", "maxItems": 1}, "x: Too many: 2: must have at most 1 items"),
        ([], {"type": "array", "minItems": 1}, "x: Invalid value: 0: x in body should have at least 1 items"),
        ([1, 1], {"type": "array", "uniqueItems": True}, "x: Duplicate value: [1,1]"),
        (["a", "a"], {"type": "array", "x-kubernetes-list-type": "set"}, 'x[1]: Duplicate value: "a"'),
        (
            [{"n": "a"}, {"n": "a"}],
            {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]},
            'x[1]: Duplicate value: {"n":"a"}',
        ),
        (
            [1],
            {"type": "array", "items": {"type": "string"}},
            'x[0]: Invalid value: "integer": x[0] in body must be of type string: "integer"',
        ),
        (1, {"allOf": [{"minimum": 2}]}, "x: Invalid value: 1: x in body should be greater than or equal to 2"),
        (
            1,
            {"anyOf": [{"minimum": 2}, {"enum": [0]}]},
            'x: Invalid value: "": "x" must validate at least one schema (anyOf)',
        ),
        (
            1,
            {"oneOf": [{"minimum": 2}]},
            'x: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid',
        ),
        (
            3,
            {"oneOf": [{"minimum": 2}, {"minimum": 1}]},
            'x: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives',
        ),
        (3, {"not": {"minimum": 2}}, 'x: Invalid value: "": "x" must not validate the schema (not)'),
    ],
)
def test_wrong_values_are_told_as_the_api_server_does(value: Any, schema: dict[str, Any], message: str) -> None:
    """One error with the path, what came and what was wanted."""
    assert [str(error) for error in validate(value, schema, "x")] == [message]


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (None, {"type": "string", "nullable": True}),
        (None, {}),
        (1.0, {"type": "integer"}),
        ("80%", {"x-kubernetes-int-or-string": True}),
        (80, {"x-kubernetes-int-or-string": True}),
        ("2026-01-01T00:00:00Z", {"type": "string", "format": "date-time"}),
        ("anything", {"type": "string", "format": "unknown-format"}),
        (3, {"type": "integer", "format": "int32", "minimum": 1, "maximum": 5, "multipleOf": 3}),
        ("https://x/y", {"type": "string", "format": "uri"}),
        ("1h30m", {"type": "string", "format": "duration"}),
        ("10.0.0.0/8", {"type": "string", "format": "cidr"}),
        ({"a": 1}, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        (["a", "b"], {"type": "array", "uniqueItems": True, "x-kubernetes-list-type": "set"}),
        (3, {"oneOf": [{"minimum": 2}, {"minimum": 4}]}),
        (1, {"anyOf": [{"minimum": 2}, {"enum": [1]}], "not": {"minimum": 2}}),
    ],
)
def test_right_values_pass(value: Any, schema: dict[str, Any]) -> None:
    """Nothing is wrong with them."""
    assert validate(value, schema, "x") == []


def test_fields_of_the_root_have_no_prefix() -> None:
    """The object itself has an empty path."""
    assert [str(error) for error in validate({}, {"type": "object", "required": ["spec"]})] == ["spec: Required value"]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=2),
    )
)
def test_every_json_value_has_a_type(value: Any) -> None:
    """And fits the schema that asks for just that type."""
    name = type_of(value)
    assert value is None or validate(value, {"type": name}, "x") == []

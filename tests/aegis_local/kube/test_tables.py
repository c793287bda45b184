from typing import Any

import pytest
from attrs import evolve

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.kinds import Column, Kind, builtin_kinds
from aegis_local.kube.tables import columns_of, row, table
from support.in_memory_kube import widget_crd

WIDGET: Kind = kinds_of(widget_crd())[0]
NOW = 1_800_000_000.0


def cell(value: Any, path: str, type: str = "string") -> Any:
    kind = evolve(WIDGET, columns=(Column("C", path, type),))
    return row(kind, {"metadata": {"name": "x"}, "v": value}, NOW, "None")["cells"][1]


@pytest.mark.parametrize(
    ("value", "type", "expected"),
    [
        ("text", "string", "text"),
        (True, "string", "true"),
        (False, "boolean", False),
        ("no", "boolean", None),
        ([1, "a"], "string", "[1 a]"),
        ({"a": {"b": 1}}, "string", "map[a:map[b:1]]"),
        (3, "integer", 3),
        ("3", "integer", None),
        (1.5, "number", 1.5),
        ("x", "number", None),
        ("2027-01-15T07:59:00Z", "date", "60s"),
        ("yesterday", "date", "<invalid>"),
    ],
)
def test_cells_by_type(value: Any, type: str, expected: Any) -> None:
    """A value that does not fit its column's type is empty."""
    assert cell(value, ".v", type) == expected


def test_missing_and_many_values() -> None:
    """Nothing is null, many texts are joined."""
    assert cell({}, ".v.x") is None
    assert cell([{"n": "a"}, {"n": "b"}], ".v[*].n") == "a,b"


@pytest.mark.parametrize(
    ("include", "expected"), [("None", None), ("Object", "Widget"), ("Metadata", "PartialObjectMetadata")]
)
def test_rows_carry_what_is_asked(include: str, expected: str | None) -> None:
    """includeObject: nothing, the object, or its metadata."""
    found = row(WIDGET, {"kind": "Widget", "metadata": {"name": "x"}, "spec": {}}, NOW, include).get("object", {})
    assert found.get("kind") == expected


def test_tables_name_their_columns() -> None:
    """The name comes first, unless the kind does without."""
    result = table(WIDGET, [{"metadata": {"name": "x"}, "spec": {"size": 4}}], NOW, "None", {"resourceVersion": "7"})
    assert [column["name"] for column in result["columnDefinitions"]] == ["Name", "Size"]
    assert result["rows"] == [{"cells": ["x", 4]}]
    assert result["metadata"] == {"resourceVersion": "7"}
    events = next(kind for kind in builtin_kinds() if kind.kind == "Event")
    assert columns_of(events)[0]["name"] == "Last Seen"
    assert row(events, {"type": "Normal"}, NOW, "None")["cells"][1] == "Normal"

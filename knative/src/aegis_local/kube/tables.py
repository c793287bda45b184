"""Server-side printing: the `Table` (meta.k8s.io/v1) that `kubectl get` shows. Pure."""

from typing import Any

from aegis_local.kube import jsonpath
from aegis_local.kube.kinds import Column, Kind
from aegis_local.kube.objects import Object, metadata, name_of, seconds
from aegis_local.kube.table_columns import COMPUTED, age

_NAME = Column("Name", "", "string", "name", "Name must be unique within a namespace.")


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def columns_of(kind: Kind) -> list[Object]:
    columns = (_NAME, *kind.columns) if kind.name_column else kind.columns
    return [_definition(column) for column in columns]


def row(kind: Kind, obj: Object, now: float, include: str) -> Object:
    """One line; `include` is the includeObject of TableOptions: None, Metadata or Object."""
    cells = [name_of(obj)] if kind.name_column else []
    cells += [_cell(column, obj, now) for column in kind.columns]
    result: Object = {"cells": cells}
    if include == "Object":
        result["object"] = obj
    elif include != "None":
        result["object"] = partial(obj)
    return result


def table(kind: Kind, objects: list[Object], now: float, include: str, list_metadata: Object) -> Object:
    """A Table of `objects`; `list_metadata` is that of the list (resourceVersion, continue)."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": columns_of(kind),
        "rows": [row(kind, obj, now, include) for obj in objects],
    }


def partial(obj: Object) -> Object:
    """The PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata(obj)}


def _cell(column: Column, obj: Object, now: float) -> Any:
    if not column.path.startswith((".", "[", "{")):
        return COMPUTED[column.path](obj, now)
    found = jsonpath.values(column.path, obj)
    if not found:
        return None
    return _printed(column, found, now)


def _printed(column: Column, found: list[Any], now: float) -> Any:
    value = found[0]
    match column.type:
        case "date":
            try:
                return age(now - seconds(str(value)))
            except ValueError:
                return "<invalid>"
        case "integer":
            return int(value) if isinstance(value, int | float) else None
        case "number":
            return float(value) if isinstance(value, int | float) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case _:
            return ",".join(_text(item) for item in found)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + " ".join(_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_text(child)}" for key, child in sorted(value.items())) + "]"
    return str(value)

"""Structural schemas at work: prune what they do not know, fill in defaults, find list item keys. Pure.

The rules are those of apiextensions v1 ("structural schemas"); `schema_validation` judges the values.
"""

from typing import Any

from aegis_local.kube.objects import Object, copied
from aegis_local.kube.schemas import with_object_fields

ANYTHING: Object = {"x-kubernetes-preserve-unknown-fields": True}


def preserves_unknown(schema: Object) -> bool:
    """Whether fields that the schema does not name stay; a schema without a type is untyped JSON."""
    return bool(schema.get("x-kubernetes-preserve-unknown-fields")) or (
        "type" not in schema and "properties" not in schema and not schema.get("x-kubernetes-int-or-string")
    )


def effective(schema: Object) -> Object:
    """The schema with what an embedded resource adds: apiVersion, kind and metadata."""
    return with_object_fields(schema) if schema.get("x-kubernetes-embedded-resource") else schema


def field_schema(schema: Object, name: str) -> Object | None:
    """The schema of the field `name` of an object; None if the schema does not know the field."""
    found = schema.get("properties", {}).get(name)
    if found is None:
        additional = schema.get("additionalProperties")
        found = additional if isinstance(additional, dict) else ANYTHING if additional is True else None
    if found is None and preserves_unknown(schema):
        found = ANYTHING
    return effective(found) if isinstance(found, dict) else None


def item_schema(schema: Object) -> Object:
    items = schema.get("items")
    return effective(items) if isinstance(items, dict) else ANYTHING


def prune(value: Any, schema: Object, path: str = "") -> tuple[Any, list[str]]:
    """The value without unknown fields, and the paths of those that were dropped."""
    dropped: list[str] = []
    if isinstance(value, dict):
        kept = {}
        for name, child in value.items():
            place = f"{path}.{name}" if path else name
            found = field_schema(schema, name)
            if found is None:
                dropped.append(place)
            else:
                kept[name], below = prune(child, found, place)
                dropped += below
        return kept, dropped
    if isinstance(value, list):
        items = []
        for index, child in enumerate(value):
            item, below = prune(child, item_schema(schema), f"{path}[{index}]")
            items.append(item)
            dropped += below
        return items, dropped
    return value, dropped


def with_defaults(value: Any, schema: Object) -> Any:
    """The value with the schema's defaults; a null that may not be null counts as missing where a default is."""
    if isinstance(value, dict):
        result = {}
        for name, child in value.items():
            found = field_schema(schema, name) or ANYTHING
            if child is None and not found.get("nullable") and "default" in found:
                continue
            result[name] = with_defaults(child, found)
        for name, found in schema.get("properties", {}).items():
            if name not in result and "default" in found:
                result[name] = with_defaults(copied(found["default"]), effective(found))
        return result
    if isinstance(value, list):
        return [with_defaults(item, item_schema(schema)) for item in value]
    return value


def without_nulls(value: Any, schema: Object) -> Any:
    """Drop nulls of fields that are not nullable, as the decoding of a built-in kind does."""
    if isinstance(value, dict):
        return {
            name: without_nulls(child, field_schema(schema, name) or ANYTHING)
            for name, child in value.items()
            if child is not None or preserves_unknown(field_schema(schema, name) or ANYTHING)
        }
    if isinstance(value, list):
        return [without_nulls(item, item_schema(schema)) for item in value]
    return value


def list_keys(schema: Object) -> tuple[str, ...]:
    """The fields that name an item of an associative list; empty for other lists."""
    if schema.get("x-kubernetes-list-type") != "map":
        return ()
    return tuple(schema.get("x-kubernetes-list-map-keys", ()))


def item_key(item: Any, schema: Object) -> tuple[Any, ...]:
    """The values of an item's keys; a missing one takes the default of its schema."""
    fields = item_schema(schema).get("properties", {})
    values = item if isinstance(item, dict) else {}
    return tuple(values.get(key, fields.get(key, {}).get("default")) for key in list_keys(schema))


def is_atomic(value: Any, schema: Object) -> bool:
    """Whether a value has one owner: scalars, atomic maps and structs, and lists that are neither set nor map."""
    if isinstance(value, dict):
        return schema.get("x-kubernetes-map-type") == "atomic"
    if isinstance(value, list):
        return schema.get("x-kubernetes-list-type") not in ("map", "set")
    return True

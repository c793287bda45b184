"""Judge a value by a structural schema, in the words of the API server. Pure."""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from aegis_local.kube import patterns
from aegis_local.kube.errors import FieldError, duplicate, invalid_value, required, unsupported
from aegis_local.kube.objects import Object, seconds
from aegis_local.kube.patches import same
from aegis_local.kube.structural import ANYTHING, field_schema, item_key, item_schema, list_keys

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def type_of(value: Any) -> str:
    """The JSON type's name, as messages and CEL say it."""
    if value is None:
        return "null"
    return next(name for name in ("boolean", "integer", "number", "string", "array", "object") if _TYPES[name](value))


def validate(value: Any, schema: Object, path: str = "") -> list[FieldError]:
    """Everything that is wrong with `value`; `path` is where it lies in the object."""
    if value is None:
        if schema.get("nullable") or (not schema.get("type") and not schema.get("x-kubernetes-int-or-string")):
            return []
        return [_wrong_type(path, "null", schema.get("type", "integer or string"))]
    if found := _type_error(value, schema, path):
        return [found]
    errors = _scalar_errors(value, schema, path)
    if isinstance(value, dict):
        errors += _object_errors(value, schema, path)
    elif isinstance(value, list):
        errors += _list_errors(value, schema, path)
    return errors + _combined_errors(value, schema, path)


def _wrong_type(path: str, got: str, wanted: str) -> FieldError:
    detail = f"{path} in body must be of type {wanted}: {json.dumps(got)}"
    return FieldError("FieldValueTypeInvalid", path or "<nil>", f"Invalid value: {json.dumps(got)}: {detail}")


def _type_error(value: Any, schema: Object, path: str) -> FieldError | None:
    if schema.get("x-kubernetes-int-or-string"):
        if _TYPES["integer"](value) or isinstance(value, str):
            return None
        return _wrong_type(path, type_of(value), "integer,string")
    wanted = schema.get("type")
    if wanted and not _TYPES[wanted](value):
        return _wrong_type(path, type_of(value), wanted)
    return None


def _scalar_errors(value: Any, schema: Object, path: str) -> list[FieldError]:
    errors = []
    if "enum" in schema and not any(same(value, choice) for choice in schema["enum"]):
        errors.append(unsupported(path, value, schema["enum"]))
    if isinstance(value, str):
        errors += _string_errors(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        errors += _number_errors(value, schema, path)
    return errors


def _string_errors(value: str, schema: Object, path: str) -> list[FieldError]:
    errors = []
    if len(value) > schema.get("maxLength", len(value)):
        limit = schema["maxLength"]
        errors.append(FieldError("FieldValueTooLong", path, f"Too long: may not be more than {limit} bytes"))
    if len(value) < schema.get("minLength", 0):
        errors.append(invalid_value(path, value, f"{path} in body should be at least {schema['minLength']} chars long"))
    if "pattern" in schema and not patterns.found_in(schema["pattern"], value):
        errors.append(invalid_value(path, value, f"{path} in body should match '{schema['pattern']}'"))
    if (known := _FORMATS.get(schema.get("format", ""))) and not known(value):
        name = schema["format"]
        errors.append(invalid_value(path, value, f"{path} in body must be of type {name}: {json.dumps(value)}"))
    return errors


def _number_errors(value: float, schema: Object, path: str) -> list[FieldError]:
    errors = []
    if "maximum" in schema:
        strict = schema.get("exclusiveMaximum", False)
        if value > schema["maximum"] or (strict and value == schema["maximum"]):
            words = "less than" if strict else "less than or equal to"
            errors.append(invalid_value(path, value, f"{path} in body should be {words} {schema['maximum']}"))
    if "minimum" in schema:
        strict = schema.get("exclusiveMinimum", False)
        if value < schema["minimum"] or (strict and value == schema["minimum"]):
            words = "greater than" if strict else "greater than or equal to"
            errors.append(invalid_value(path, value, f"{path} in body should be {words} {schema['minimum']}"))
    if "multipleOf" in schema and value % schema["multipleOf"]:
        errors.append(invalid_value(path, value, f"{path} in body should be a multiple of {schema['multipleOf']}"))
    bits = {"int32": 31, "int64": 63}.get(schema.get("format", ""))
    if bits and not -(2**bits) <= value < 2**bits:
        errors.append(invalid_value(path, value, f"{path} in body must be of type {schema['format']}: {value}"))
    return errors


def _object_errors(value: Object, schema: Object, path: str) -> list[FieldError]:
    def place(name: str) -> str:
        return f"{path}.{name}" if path else name

    errors = [required(place(name)) for name in schema.get("required", ()) if name not in value]
    if len(value) > schema.get("maxProperties", len(value)):
        limit = schema["maxProperties"]
        errors.append(FieldError("FieldValueTooMany", path, f"Too many: {len(value)}: must have at most {limit} items"))
    if len(value) < schema.get("minProperties", 0):
        limit = schema["minProperties"]
        errors.append(invalid_value(path, len(value), f"{path} in body should have at least {limit} properties"))
    for name, child in value.items():
        errors += validate(child, field_schema(schema, name) or ANYTHING, place(name))
    return errors


def _list_errors(value: list[Any], schema: Object, path: str) -> list[FieldError]:
    errors = []
    if len(value) > schema.get("maxItems", len(value)):
        limit = schema["maxItems"]
        errors.append(FieldError("FieldValueTooMany", path, f"Too many: {len(value)}: must have at most {limit} items"))
    if len(value) < schema.get("minItems", 0):
        errors.append(
            invalid_value(path, len(value), f"{path} in body should have at least {schema['minItems']} items")
        )
    if schema.get("uniqueItems") and any(same(item, other) for i, item in enumerate(value) for other in value[:i]):
        errors.append(duplicate(path, value))
    for index, item in enumerate(value):
        errors += validate(item, item_schema(schema), f"{path}[{index}]")
    return errors + _set_and_map_errors(value, schema, path)


def _set_and_map_errors(value: list[Any], schema: Object, path: str) -> list[FieldError]:
    """Items of a set, and keys of a map list, must be unique."""
    kind = schema.get("x-kubernetes-list-type")
    if kind not in ("set", "map"):
        return []
    errors: list[FieldError] = []
    seen: list[Any] = []
    for index, item in enumerate(value):
        key: Any = list(item_key(item, schema)) if kind == "map" else item
        if any(same(key, other) for other in seen):
            shown = dict(zip(list_keys(schema), key, strict=True)) if kind == "map" else item
            errors.append(duplicate(f"{path}[{index}]", shown))
        seen.append(key)
    return errors


def _combined_errors(value: Any, schema: Object, path: str) -> list[FieldError]:
    errors = []
    for part in schema.get("allOf", ()):
        errors += validate_part(value, part, path)
    words = f'"{path}" must validate'
    if "anyOf" in schema and all(validate_part(value, part, path) for part in schema["anyOf"]):
        errors.append(invalid_value(path, "", f"{words} at least one schema (anyOf)"))
    if "oneOf" in schema:
        fitting = sum(1 for part in schema["oneOf"] if not validate_part(value, part, path))
        if fitting != 1:
            found = "Found none valid" if not fitting else f"Found {fitting} valid alternatives"
            errors.append(invalid_value(path, "", f"{words} one and only one schema (oneOf). {found}"))
    if "not" in schema and not validate_part(value, schema["not"], path):
        errors.append(invalid_value(path, "", f'"{path}" must not validate the schema (not)'))
    return errors


def validate_part(value: Any, schema: Object, path: str) -> list[FieldError]:
    """Judge by a schema inside anyOf, oneOf, allOf or not: it has no type of its own."""
    return validate(value, {"x-kubernetes-preserve-unknown-fields": True, "nullable": True, **schema}, path)


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def judge(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, binascii.Error):
            return False
        return True

    return judge


def _uri(value: str) -> None:
    if not urlsplit(value).scheme:
        raise ValueError(value)


_FORMATS: dict[str, Callable[[str], bool]] = {
    "byte": _parses(lambda value: base64.b64decode(value, validate=True)),
    "cidr": _parses(lambda value: ipaddress.ip_network(value, strict=False)),
    "date": _parses(lambda value: datetime.strptime(value, "%Y-%m-%d")),
    "date-time": _parses(seconds),
    "duration": lambda value: bool(re.fullmatch(r"[-+]?(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+|0", value)),
    "email": lambda value: bool(re.fullmatch(r"[^@\s]+@[^@\s]+", value)),
    "hostname": lambda value: bool(re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?", value)),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "mac": lambda value: bool(re.fullmatch(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}", value)),
    "uri": _parses(_uri),
    "uuid": _parses(UUID),
}

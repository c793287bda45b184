"""`x-kubernetes-validations`: the CEL rules of a custom kind, judged over a new object and the one before. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from aegis_local.kube import cel
from aegis_local.kube.errors import FieldError, invalid_value, required, shown
from aegis_local.kube.objects import Object, metadata
from aegis_local.kube.structural import ANYTHING, field_schema, item_key, item_schema, list_keys

_OLD = re.compile(r"\boldSelf\b")
NOT_CHECKED = FieldError(
    "FieldValueInvalid",
    "<nil>",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)


def violations(new: Object, old: Object | None, schema: Object) -> list[FieldError]:
    """What the rules of the schema refuse in `new`; `old` is what is stored, for transition rules."""
    return list(_walk(_visible(new), None if old is None else _visible(old), schema, ""))


def _visible(obj: Object) -> Object:
    """Of the metadata, rules see the name only."""
    seen = {key: value for key, value in metadata(obj).items() if key in ("name", "generateName")}
    return {**obj, "metadata": seen}


def _walk(value: Any, old: Any, schema: Object, path: str) -> Iterator[FieldError]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if (error := _judged(rule, value, old, schema, path)) is not None:
            yield error
    if isinstance(value, dict):
        before = old if isinstance(old, dict) else {}
        for name, child in value.items():
            place = _place(path, name, schema)
            yield from _walk(child, before.get(name), field_schema(schema, name) or ANYTHING, place)
    elif isinstance(value, list):
        known = {item_key(item, schema): item for item in old} if list_keys(schema) and isinstance(old, list) else {}
        for index, item in enumerate(value):
            # Only the items of a map list have a former self.
            former = known.get(item_key(item, schema)) if known else None
            yield from _walk(item, former, item_schema(schema), f"{path}[{index}]")


def _place(path: str, name: str, schema: Object) -> str:
    if name not in schema.get("properties", {}) and path:
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def _judged(rule: Object, value: Any, old: Any, schema: Object, path: str) -> FieldError | None:
    transition = bool(_OLD.search(rule["rule"]))
    if transition and old is None:
        return None
    variables = {"self": value, **({"oldSelf": old} if transition else {})}
    try:
        if cel.evaluated(rule["rule"], variables):
            return None
    except cel.UndecidedError as error:
        return _invalid(path or "<nil>", schema.get("type", ""), f"{error} evaluating rule: {_named(rule)}", False)
    place = f"{path}{rule['fieldPath']}" if rule.get("fieldPath") else path
    return _refused(rule, value, _message(rule, variables), place.lstrip(".") or "<nil>", schema)


def _refused(rule: Object, value: Any, message: str, place: str, schema: Object) -> FieldError:
    match rule.get("reason"):
        case "FieldValueForbidden":
            return FieldError("FieldValueForbidden", place, f"Forbidden: {message}")
        case "FieldValueRequired":
            return required(place, message)
        case "FieldValueDuplicate":
            return FieldError("FieldValueDuplicate", place, f"Duplicate value: {shown(value)}")
        case _:
            return _invalid(place, value, message, schema.get("type") in ("object", "array"))


def _invalid(place: str, value: Any, message: str, omit: bool) -> FieldError:
    if omit:
        return FieldError("FieldValueInvalid", place, f"Invalid value: {message}")
    return invalid_value(place, value, message)


def _message(rule: Object, variables: Object) -> str:
    if expression := rule.get("messageExpression"):
        try:
            text = cel.evaluated(expression, variables)
        except cel.UndecidedError:
            text = None
        if isinstance(text, str) and text.strip():
            return text.strip()
    return str(rule["message"]).strip() if rule.get("message") else f"failed rule: {rule['rule'].strip()}"


def _named(rule: Object) -> str:
    return str(rule.get("message") or rule["rule"]).strip()


def problems(schema: Object, path: str) -> list[FieldError]:
    """Rules of one schema level that are not CEL."""
    found = []
    for index, rule in enumerate(schema.get("x-kubernetes-validations", ())):
        for key in ("rule", "messageExpression"):
            try:
                if rule.get(key):
                    cel.check(rule[key])
            except cel.BadExpressionError as error:
                place = f"{path}.x-kubernetes-validations[{index}].{key}"
                found.append(invalid_value(place, rule[key], f"compilation failed: {error}"))
    return found

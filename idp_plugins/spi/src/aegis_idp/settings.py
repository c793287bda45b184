"""A provider's settings as one attrs class: its JSON schema, and its parser.

A settings class is `attrs.frozen`. Its fields have these types: `str`, `int`, `bool`, `Literal[...]` of strings,
`tuple[str, ...]`, `Mapping[str, str]`, `Mapping[str, object]` (any JSON object), another settings class, and each of
these `| None`. A field without default is required. `setting(...)` adds a description, bounds and a check. The field
`client_id` is `clientId` in `config`. Rules that span fields are raised as ValueError by `__attrs_post_init__`.
"""

import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs

from aegis_api.reading import Node, ParseError

S = TypeVar("S")

_DOC, _PATTERN, _WANTED, _RANGE, _CHECK = "doc", "pattern", "wanted", "range", "check"
_ANY_RANGE = (0, 2**31 - 1)


def setting(
    doc: str,
    *,
    default: Any = attrs.NOTHING,
    pattern: str | None = None,
    wanted: str | None = None,
    low: int = _ANY_RANGE[0],
    high: int = _ANY_RANGE[1],
    check: Callable[[Any], None] | None = None,
) -> Any:
    """A field of a settings class, described for people by `doc`.

    A text matches `pattern` (`wanted` says so in words), a number lies within the bounds. `check` holds what no
    schema can say: it raises ValueError, whose text is what was wanted.
    """
    metadata = {
        _DOC: doc,
        _PATTERN: pattern,
        _WANTED: wanted or f"text that matches {pattern}",
        _RANGE: (low, high),
        _CHECK: check,
    }
    return attrs.field(default=default, metadata=metadata)


def schema_of(settings: type[object]) -> dict[str, object]:
    """The JSON schema (draft 2020-12, the part that Kubernetes takes) of a settings class."""
    hints = typing.get_type_hints(settings)
    fields = attrs.fields_dict(typing.cast(Any, settings))
    properties = {_camel(name): _schema(hints[name], attribute) for name, attribute in fields.items()}
    required = [_camel(name) for name, attribute in fields.items() if attribute.default is attrs.NOTHING]
    schema: dict[str, object] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def read_settings(settings: type[S], config: Node) -> S:
    """Reads `spec.config`. Raises ParseError with the path of what is wrong."""
    hints = typing.get_type_hints(settings)
    fields = config.fields()
    values: dict[str, Any] = {}
    for name, attribute in attrs.fields_dict(typing.cast(Any, settings)).items():
        key = _camel(name)
        node = fields.required(key) if attribute.default is attrs.NOTHING else fields.optional(key)
        if node is not None:
            values[name] = _checked(_read(hints[name], attribute, node), attribute, node)
    fields.done()
    try:
        return settings(**values)
    except ValueError as error:
        raise ParseError(config.path, "settings that do not fit together", str(error)) from error


def _checked(value: Any, attribute: Any, node: Node) -> Any:
    if check := attribute.metadata.get(_CHECK):
        try:
            check(value)
        except ValueError as error:
            raise node.refuse(str(error)) from error
    return value


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _plain(hint: Any) -> Any:
    """`T | None` is `T` here: null counts as absent."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = (option for option in typing.get_args(hint) if option is not type(None))
    return hint


def _schema(hint: Any, attribute: Any) -> dict[str, object]:
    hint, metadata = _plain(hint), attribute.metadata
    described: dict[str, object] = {"description": metadata[_DOC]} if metadata.get(_DOC) else {}
    if hint is bool:
        return {"type": "boolean", **described}
    if hint is int:
        low, high = metadata.get(_RANGE, _ANY_RANGE)
        return {"type": "integer", "minimum": low, "maximum": high, **described}
    if hint is str:
        return {"type": "string", **({"pattern": f"^(?:{p})$"} if (p := metadata.get(_PATTERN)) else {}), **described}
    if typing.get_origin(hint) is typing.Literal:
        return {"type": "string", "enum": list(typing.get_args(hint)), **described}
    if hint == tuple[str, ...]:
        return {"type": "array", "items": {"type": "string"}, **described}
    if hint == Mapping[str, str]:
        return {"type": "object", "additionalProperties": {"type": "string"}, **described}
    if hint == Mapping[str, object]:
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True, **described}
    _require_settings_class(hint, attribute)
    return {**schema_of(hint), **described}


def _read(hint: Any, attribute: Any, node: Node) -> Any:
    hint, metadata = _plain(hint), attribute.metadata
    if hint is bool:
        return node.boolean()
    if hint is int:
        return node.integer(*metadata.get(_RANGE, _ANY_RANGE))
    if hint is str:
        pattern = metadata.get(_PATTERN)
        return node.matching(re.compile(pattern), metadata[_WANTED]) if pattern else node.string()
    if typing.get_origin(hint) is typing.Literal:
        return node.one_of({choice: choice for choice in typing.get_args(hint)})
    if hint == tuple[str, ...]:
        return node.list_of(Node.string)
    if hint == Mapping[str, str]:
        return {name: value.string() for name, value in node.entries()}
    if hint == Mapping[str, object]:
        return {name: value.value for name, value in node.entries()}
    _require_settings_class(hint, attribute)
    return read_settings(hint, node)


def _require_settings_class(hint: Any, attribute: Any) -> None:
    if not attrs.has(hint):
        raise TypeError(f"the setting {attribute.name} has the type {hint}, which no setting may have")

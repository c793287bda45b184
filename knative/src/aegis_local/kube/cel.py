"""CEL expressions (Common Expression Language) by cel-python, with the string and list functions of Kubernetes.

Not supported, and refused as an error: optional syntax (`a.?b`), and the URL, IP, CIDR, quantity and format libraries.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

import celpy
import celpy.celtypes as types
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError


class BadExpressionError(ValueError):
    """The text is not CEL."""


class UndecidedError(Exception):
    """The expression has no value for these variables (a missing key, a wrong type); the text says why."""


@lru_cache(maxsize=1024)
def _program(source: str) -> celpy.Runner:
    environment = celpy.Environment(runner_class=celpy.InterpretedRunner)
    try:
        tree = environment.compile(source)
    except CELParseError as error:
        raise BadExpressionError(f"{source!r} is not a CEL expression: {str(error).splitlines()[0]}") from error
    return environment.program(tree, functions=_FUNCTIONS)


def check(source: str) -> None:
    """Parse an expression. Raises BadExpressionError."""
    _program(source)


def evaluated(source: str, variables: Mapping[str, Any]) -> Any:
    """The value of an expression over JSON variables. Raises BadExpressionError or UndecidedError."""
    try:
        return _program(source).evaluate({name: json_to_cel(value) for name, value in variables.items()})
    except CELEvalError as error:
        raise UndecidedError(str(error.args[0]) if error.args else "no value") from error


def _string(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a string and more; CEL's types come in, plain Python's do the work."""

    def call(subject: Any, *arguments: Any) -> Any:
        if not isinstance(subject, str):
            raise TypeError(f"no such overload: {type(subject).__name__} is not a string")
        return function(str(subject), *arguments)

    return call


def _substring(text: str, start: int, end: int | None = None) -> Any:
    stop = len(text) if end is None else int(end)
    if not 0 <= int(start) <= stop <= len(text):
        raise ValueError(f"index out of range: {start}")
    return types.StringType(text[int(start) : stop])


def _split(text: str, separator: str, limit: int = -1) -> Any:
    most = -1 if int(limit) < 0 else max(int(limit) - 1, 0)
    parts = text.split(separator, most) if separator else list(text)
    return types.ListType([types.StringType(part) for part in parts])


def _index_of(subject: Any, wanted: Any) -> Any:
    if isinstance(subject, str):
        return types.IntType(str(subject).find(wanted))
    return types.IntType(next((index for index, item in enumerate(subject) if item == wanted), -1))


def _replace(text: str, old: str, new: str, count: int = -1) -> Any:
    return types.StringType(text.replace(old, new, int(count)))


def _sorted(items: Any) -> Any:
    return types.BoolType(all(left <= right for left, right in pairwise(items)))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "charAt": _string(lambda text, index: types.StringType(text[int(index)])),
    "indexOf": _index_of,
    "isSorted": _sorted,
    "join": lambda items, separator="": types.StringType(separator.join(items)),
    "lastIndexOf": _string(lambda text, wanted: types.IntType(text.rfind(wanted))),
    "lowerAscii": _string(lambda text: types.StringType(text.lower())),
    "max": lambda items: max(items),
    "min": lambda items: min(items),
    "replace": _string(_replace),
    "split": _string(_split),
    "substring": _string(_substring),
    "sum": lambda items: types.IntType(sum(items)),
    "trim": _string(lambda text: types.StringType(text.strip())),
    "upperAscii": _string(lambda text: types.StringType(text.upper())),
}

"""The JSONPath of printer columns and scale subresources: fields, indexes, `[*]`, `..` is refused. Pure.

The grammar is the part of kubectl's JSONPath that CRDs use: `.spec.x`, `.spec['x']`, `.status.list[0]`, `[*]`, and
filters of the form `[?(@.type=="Ready")]`.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

Step = Callable[[list[Any]], list[Any]]

_STEP = re.compile(
    r"""\.(?P<field>(?:[^.\[\]'"\\]|\\.)+)
      | \[\s*(?P<quoted>'[^']*'|"[^"]*")\s*\]
      | \[\s*(?P<index>-?\d+)\s*\]
      | (?P<every>\[\s*\*\s*\])
      | \[\?\(\s*@\.(?P<key>[\w.\-/\\]+)\s*(?P<op>==|!=)\s*(?P<value>"[^"]*"|'[^']*'|[\w.\-]+)\s*\)\]""",
    re.VERBOSE,
)


class BadPathError(ValueError):
    """The text is not a JSONPath that printer columns can use."""


@cache
def compiled(path: str) -> tuple[Step, ...]:
    """Parse a path. Raises BadPathError."""
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if text in ("", "."):
        return ()
    steps: list[Step] = []
    position = 0
    while position < len(text):
        found = _STEP.match(text, position)
        if not found:
            raise BadPathError(
                f"{path!r} is not a JSONPath of fields, indexes, [*] and equality filters: see {text[position:]!r}"
            )
        steps.append(_step(found))
        position = found.end()
    return tuple(steps)


def values(path: str, document: Any) -> list[Any]:
    """All values that `path` finds in `document`."""
    found = [document]
    for step in compiled(path):
        found = step(found)
    return found


def _step(found: re.Match[str]) -> Step:
    if found["every"]:
        return lambda nodes: [child for node in nodes for child in _elements(node)]
    if found["index"]:
        return lambda nodes, index=int(found["index"]): [  # type: ignore[misc]  # a lambda's default has no annotation
            node[index] for node in nodes if isinstance(node, list) and -len(node) <= index < len(node)
        ]
    if found["key"]:
        return _filter(found["key"], found["op"], found["value"])
    name = found["quoted"][1:-1] if found["quoted"] else re.sub(r"\\(.)", r"\1", found["field"])
    return lambda nodes: [node[name] for node in nodes if isinstance(node, dict) and name in node]


def _elements(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []


def _filter(key: str, op: str, literal: str) -> Step:
    wanted = literal[1:-1] if literal[0] in "'\"" else json.loads(literal)
    inner = compiled("." + key)

    def keep(node: Any) -> bool:
        found = [node]
        for step in inner:
            found = step(found)
        return bool(found and found[0] == wanted) is (op == "==")

    return lambda nodes: [child for node in nodes for child in _elements(node) if keep(child)]

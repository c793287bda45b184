"""The JSON Patch (RFC 6902) that leads from one document to another, touching only what differs."""

from collections.abc import Iterator
from typing import Any

from aegis_webhook.decision import Object


def difference(old: Any, new: Any, path: str = "") -> list[Object]:
    """Operations that make `new` of `old`, in order. Equal documents: none."""
    return list(_difference(old, new, path))


def _difference(old: Any, new: Any, path: str) -> Iterator[Object]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _members(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _items(old, new, path)
    elif type(old) is not type(new) or old != new:
        yield {"op": "replace", "path": path, "value": new}


def _members(old: Object, new: Object, path: str) -> Iterator[Object]:
    for name in old:
        if name not in new:
            yield {"op": "remove", "path": _below(path, name)}
    for name, value in new.items():
        if name in old:
            yield from _difference(old[name], value, _below(path, name))
        else:
            yield {"op": "add", "path": _below(path, name), "value": value}


def _items(old: list[Any], new: list[Any], path: str) -> Iterator[Object]:
    """After each step the list is what `new` begins with, and then what is left of `old`."""
    left = list(old)
    for index, value in enumerate(new):
        if left and (_same(left[0], value) or len(left) >= len(new) - index):
            yield from _difference(left.pop(0), value, f"{path}/{index}")
        else:
            yield {"op": "add", "path": f"{path}/{index}", "value": value}
    for index in reversed(range(len(new), len(new) + len(left))):
        yield {"op": "remove", "path": f"{path}/{index}"}


def _same(old: Any, new: Any) -> bool:
    """Whether two items are one thing, perhaps changed: containers, volumes and variables have names."""
    if isinstance(old, dict) and isinstance(new, dict) and "name" in old:
        return bool(old["name"] == new.get("name"))
    return bool(old == new)


def _below(path: str, name: str) -> str:
    return path + "/" + name.replace("~", "~0").replace("/", "~1")

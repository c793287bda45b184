"""Sets of fields, as server-side apply counts them: what an object holds, how two differ, and FieldsV1.

A path is a tuple of FieldsV1 path elements: `f:NAME` (a field), `k:JSON` (an item by its keys), `v:JSON` (an item of a
set). The rules are those of sigs.k8s.io/structured-merge-diff.
"""

import json
from collections.abc import Iterator
from typing import Any

from aegis_local.kube.objects import Object
from aegis_local.kube.patches import same
from aegis_local.kube.structural import ANYTHING, field_schema, is_atomic, item_key, item_schema, list_keys

Path = tuple[str, ...]
Paths = frozenset[Path]


def element_of(item: Any, schema: Object) -> str:
    """The path element of an item of an associative list or set."""
    keys = list_keys(schema)
    if not keys:
        return "v:" + json.dumps(item, separators=(",", ":"))
    named = {key: value for key, value in zip(keys, item_key(item, schema), strict=True) if value is not None}
    return "k:" + json.dumps(named, separators=(",", ":"), sort_keys=True)


def children(value: Any, schema: Object) -> Iterator[tuple[str, Any, Object]]:
    """The parts of a value that can have owners of their own."""
    if is_atomic(value, schema):
        return
    if isinstance(value, dict):
        for name, child in value.items():
            yield f"f:{name}", child, field_schema(schema, name) or ANYTHING
    else:
        for item in value:
            yield element_of(item, schema), item, item_schema(schema)


def held(value: Any, schema: Object, path: Path = ()) -> Paths:
    """The fields that a configuration sets, and so owns once it is applied."""
    if is_atomic(value, schema):
        return frozenset([path])
    found: set[Path] = set()
    known = schema.get("properties", {})
    for element, child, child_schema in children(value, schema):
        below = (*path, element)
        found |= held(child, child_schema, below)
        if isinstance(value, list) or child is None or child == {} or element[2:] not in known:
            found.add(below)
    return frozenset(found)


def everything(value: Any, schema: Object, path: Path) -> Paths:
    """The value's own path and every path below it."""
    found = {path}
    for element, child, child_schema in children(value, schema):
        found |= everything(child, child_schema, (*path, element))
    return frozenset(found)


def compare(old: Any, new: Any, schema: Object, path: Path = ()) -> tuple[Paths, Paths]:
    """What changed from `old` to `new`: (added or modified, removed)."""
    if type(old) is not type(new) or is_atomic(old, schema) or is_atomic(new, schema):
        return (frozenset(), frozenset()) if same(old, new) else (frozenset([path]), frozenset())
    before = {element: (child, child_schema) for element, child, child_schema in children(old, schema)}
    after = {element: (child, child_schema) for element, child, child_schema in children(new, schema)}
    changed: set[Path] = set()
    removed: set[Path] = set()
    for element in before.keys() | after.keys():
        below = (*path, element)
        if element not in after:
            removed |= everything(*before[element], below)
        elif element not in before:
            changed |= everything(*after[element], below)
        else:
            more, fewer = compare(before[element][0], *after[element], below)
            changed |= more
            removed |= fewer
    return frozenset(changed), frozenset(removed)


def without(value: Any, paths: Paths, schema: Object) -> Any:
    """The value without what `paths` name; an object or list that becomes empty by it goes too (as None)."""
    heads: dict[str, set[Path]] = {}
    for path in paths:
        heads.setdefault(path[0], set()).add(path[1:])
    if not heads:
        return value
    kept: list[tuple[str, Any]] = []
    for element, child, child_schema in children(value, schema):
        below = heads.get(element, set())
        if () in below:
            continue
        remaining = without(child, frozenset(below), child_schema) if below else child
        if remaining is not None or child is None:
            kept.append((element, remaining))
    if not kept:
        return None
    return {element[2:]: child for element, child in kept} if isinstance(value, dict) else [child for _, child in kept]


def encoded(paths: Paths) -> Object:
    """FieldsV1 of a set of paths."""
    root: Object = {}
    for path in sorted(paths, key=len):
        node = root
        for element in path[:-1]:
            node = node.setdefault(element, {})
        node.setdefault(path[-1], {})
    return _marked(root, (), paths)


def _marked(node: Object, path: Path, paths: Paths) -> Object:
    result: Object = {}
    if node and path in paths:
        result["."] = {}
    for element in sorted(node):
        result[element] = _marked(node[element], (*path, element), paths)
    return result


def decoded(fields: Any, path: Path = ()) -> Paths:
    """The set of paths that a FieldsV1 object holds."""
    if not isinstance(fields, dict):
        raise ValueError(f"fieldsV1 holds {fields!r} where an object was wanted")  # noqa: TRY004  # a bad text, not a bad call
    found: set[Path] = set()
    for element, below in fields.items():
        if element == ".":
            found.add(path)
        elif element[:2] in ("f:", "k:", "v:", "i:"):
            found |= decoded(below, (*path, element)) if below else {(*path, element)}
        else:
            raise ValueError(f"fieldsV1 holds the path element {element!r}, which starts with none of f:, k:, v:, i:")
    return frozenset(found)


def shown(path: Path) -> str:
    """A path as messages print it: `.spec.containers[name="a"].image`."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            pairs = (f"{key}={json.dumps(value)}" for key, value in json.loads(rest).items())
            text += f"[{','.join(pairs)}]"
        else:
            text += f"[={rest}]" if kind == "v" else f"[{rest}]"
    return text

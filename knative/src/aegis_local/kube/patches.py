"""Patches: JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386) and Kubernetes' strategic merge patch. All are pure."""

from typing import Any

from aegis_local.kube.objects import Object, copied


class BadPatchError(ValueError):
    """The patch cannot be applied; the text says which part."""


def _parts(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise BadPatchError(f"JSON pointer {pointer!r} must be empty or start with '/'")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _index(part: str, length: int) -> int:
    if not (part.isascii() and part.isdigit()) or (part != "0" and part.startswith("0")):
        raise BadPatchError(f"{part!r} is not an array index")
    if int(part) > length:
        raise BadPatchError(f"index {part} is beyond the end of an array of {length}")
    return int(part)


def _child(value: Any, part: str, pointer: str) -> Any:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list):
        index = _index(part, len(value))
        if index < len(value):
            return value[index]
    raise BadPatchError(f"there is nothing at {pointer!r}")


def _value_at(document: Any, pointer: str) -> Any:
    for part in _parts(pointer):
        document = _child(document, part, pointer)
    return document


def _add(document: Any, pointer: str, value: Any) -> Any:
    if not (parts := _parts(pointer)):
        return value
    parent = document
    for part in parts[:-1]:
        parent = _child(parent, part, pointer)
    if isinstance(parent, dict):
        parent[parts[-1]] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if parts[-1] == "-" else _index(parts[-1], len(parent)), value)
    else:
        raise BadPatchError(f"the parent of {pointer!r} is neither an object nor an array")
    return document


def _remove(document: Any, pointer: str) -> Any:
    if not (parts := _parts(pointer)):
        raise BadPatchError("the whole document cannot be removed")
    parent = document
    for part in parts[:-1]:
        parent = _child(parent, part, pointer)
    _child(parent, parts[-1], pointer)
    if isinstance(parent, dict):
        del parent[parts[-1]]
    else:
        del parent[int(parts[-1])]
    return document


def json_patch(document: Any, patch: Any) -> Any:
    """Apply a JSON Patch to a copy of `document`."""
    if not isinstance(patch, list):
        raise BadPatchError("a JSON patch is a list of operations")
    document = copied(document)
    for operation in patch:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise BadPatchError(f"an operation is an object with 'op' and 'path', not {operation!r}")
        op, path = operation.get("op"), operation["path"]
        if op in _WITH_VALUE:
            if "value" not in operation:
                raise BadPatchError(f"operation {op!r} at {path!r} has no 'value'")
            document = _WITH_VALUE[op](document, path, copied(operation["value"]))
        elif op in ("copy", "move"):
            if not isinstance(operation.get("from"), str):
                raise BadPatchError(f"operation {op!r} at {path!r} has no 'from'")
            value = _value_at(document, operation["from"])
            rest = _remove(document, operation["from"]) if op == "move" else document
            document = _add(rest, path, copied(value))
        elif op == "remove":
            document = _remove(document, path)
        else:
            raise BadPatchError(f"operation {op!r} is none of add, remove, replace, move, copy, test")
    return document


def _replace(document: Any, pointer: str, value: Any) -> Any:
    _value_at(document, pointer)
    return _add(_remove(document, pointer) if pointer else document, pointer, value)


def _test(document: Any, pointer: str, value: Any) -> Any:
    if not same(_value_at(document, pointer), value):
        raise BadPatchError(f"testing value {pointer} failed")
    return document


_WITH_VALUE = {"add": _add, "replace": _replace, "test": _test}


def same(left: Any, right: Any) -> bool:
    """JSON equality: unlike Python's, True is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) and isinstance(left, bool) is isinstance(right, bool)


def merge_patch(document: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return copied(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def strategic_merge_patch(document: Any, patch: Any, schema: Object) -> Any:
    """A merge patch in which lists with a merge key merge by it, and directives (`$patch`, `$retainKeys`,
    `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD`) say the rest."""
    if not isinstance(patch, dict):
        return copied(patch)
    if patch.get("$patch") in ("replace", "delete"):
        wanted = patch if patch["$patch"] == "replace" else {}
        return {key: copied(value) for key, value in wanted.items() if key != "$patch"}
    return _directed(document if isinstance(document, dict) else {}, patch, schema)


def _directed(document: Object, patch: Object, schema: Object) -> Object:
    kept = patch.get("$retainKeys", document)
    result = {key: value for key, value in document.items() if key in kept}
    for target, gone in _directives(patch, "$deleteFromPrimitiveList"):
        result[target] = [item for item in result.get(target) or [] if item not in gone]
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif not key.startswith("$"):
            result[key] = _merged_field(result.get(key), value, _field(schema, key))
    for target, order in _directives(patch, "$setElementOrder"):
        if target in result:
            merge_key = _field(schema, target).get("x-kubernetes-patch-merge-key")
            result[target] = _ordered(result[target], merge_key, order)
    return result


def _directives(patch: Object, directive: str) -> list[tuple[str, Any]]:
    """The fields that a directive names, each with its value."""
    return [(key.partition("/")[2], value) for key, value in patch.items() if key.startswith(directive + "/")]


def _field(schema: Object, name: str) -> Object:
    found = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
    return found if isinstance(found, dict) else {}


def _merged_field(current: Any, value: Any, schema: Object) -> Any:
    if isinstance(value, list) and "merge" in schema.get("x-kubernetes-patch-strategy", "").split(","):
        return _merged_list(current or [], value, schema)
    return strategic_merge_patch(current, value, schema)


def _merged_list(current: list[Any], patch: list[Any], schema: Object) -> list[Any]:
    key = schema.get("x-kubernetes-patch-merge-key")
    if key is None:
        return current + [item for item in patch if item not in current]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [copied(item) for item in patch if item.get("$patch") != "replace"]
    result = list(current)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise BadPatchError(f"map: {item!r} does not contain declared merge key: {key}")
        place = next((i for i, old in enumerate(result) if old.get(key) == item[key]), len(result))
        if item.get("$patch") == "delete":
            del result[place : place + 1]
        else:
            old = result[place] if place < len(result) else {}
            result[place : place + 1] = [strategic_merge_patch(old, item, schema.get("items", {}))]
    return result


def _ordered(items: list[Any], key: str | None, order: list[Any]) -> list[Any]:
    wanted = [entry.get(key) if key else entry for entry in order]

    def rank(item: Any) -> int:
        value = item.get(key) if key else item
        return wanted.index(value) if value in wanted else len(wanted)

    return sorted(items, key=rank)

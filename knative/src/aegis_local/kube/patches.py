"""Patches: JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386) and Kubernetes' strategic merge patch. All are pure."""

from typing import Any

from aegis_local.kube.objects import Object, copied


class BadPatch(ValueError):
    """The patch cannot be applied; the text says which part."""


def _tokens(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise BadPatch(f"JSON pointer {pointer!r} must be empty or start with '/'")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def _index(token: str, length: int) -> int:
    if not (token.isascii() and token.isdigit()) or (token != "0" and token.startswith("0")):
        raise BadPatch(f"{token!r} is not an array index")
    if int(token) > length:
        raise BadPatch(f"index {token} is beyond the end of an array of {length}")
    return int(token)


def _child(value: Any, token: str, pointer: str) -> Any:
    if isinstance(value, dict) and token in value:
        return value[token]
    if isinstance(value, list):
        index = _index(token, len(value))
        if index < len(value):
            return value[index]
    raise BadPatch(f"there is nothing at {pointer!r}")


def _value_at(document: Any, pointer: str) -> Any:
    for token in _tokens(pointer):
        document = _child(document, token, pointer)
    return document


def _add(document: Any, pointer: str, value: Any) -> Any:
    if not (tokens := _tokens(pointer)):
        return value
    parent = document
    for token in tokens[:-1]:
        parent = _child(parent, token, pointer)
    if isinstance(parent, dict):
        parent[tokens[-1]] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if tokens[-1] == "-" else _index(tokens[-1], len(parent)), value)
    else:
        raise BadPatch(f"the parent of {pointer!r} is neither an object nor an array")
    return document


def _remove(document: Any, pointer: str) -> Any:
    if not (tokens := _tokens(pointer)):
        raise BadPatch("the whole document cannot be removed")
    parent = document
    for token in tokens[:-1]:
        parent = _child(parent, token, pointer)
    _child(parent, tokens[-1], pointer)
    if isinstance(parent, dict):
        del parent[tokens[-1]]
    else:
        del parent[int(tokens[-1])]
    return document


def json_patch(document: Any, patch: Any) -> Any:
    """Apply a JSON Patch to a copy of `document`."""
    if not isinstance(patch, list):
        raise BadPatch("a JSON patch is a list of operations")
    document = copied(document)
    for operation in patch:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise BadPatch(f"an operation is an object with 'op' and 'path', not {operation!r}")
        op, path = operation.get("op"), operation["path"]
        if op in ("add", "replace", "test") and "value" not in operation:
            raise BadPatch(f"operation {op!r} at {path!r} has no 'value'")
        if op in ("move", "copy") and not isinstance(operation.get("from"), str):
            raise BadPatch(f"operation {op!r} at {path!r} has no 'from'")
        match op:
            case "add":
                document = _add(document, path, copied(operation["value"]))
            case "replace":
                _value_at(document, path)
                document = _add(_remove(document, path) if path else document, path, copied(operation["value"]))
            case "remove":
                document = _remove(document, path)
            case "test":
                if not same(_value_at(document, path), operation["value"]):
                    raise BadPatch(f"testing value {path} failed")
            case "copy":
                document = _add(document, path, copied(_value_at(document, operation["from"])))
            case "move":
                value = _value_at(document, operation["from"])
                document = _add(_remove(document, operation["from"]), path, value)
            case _:
                raise BadPatch(f"operation {op!r} is none of add, remove, replace, move, copy, test")
    return document


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
    """A merge patch in which lists with a merge key merge by it, and `$patch`, `$deleteFromPrimitiveList/...`,
    `$setElementOrder/...` and `$retainKeys` direct (Kubernetes' strategic-merge-patch)."""
    if not isinstance(patch, dict):
        return copied(patch)
    if patch.get("$patch") == "replace":
        return {key: copied(value) for key, value in patch.items() if key != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    result = dict(document) if isinstance(document, dict) else {}
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    fields = schema.get("properties", {})
    for key, value in patch.items():
        directive, _, target = key.partition("/")
        if directive == "$deleteFromPrimitiveList":
            result[target] = [item for item in result.get(target) or [] if item not in value]
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        child = fields.get(key) or schema.get("additionalProperties") or {}
        child = child if isinstance(child, dict) else {}
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list) and "merge" in child.get("x-kubernetes-patch-strategy", "").split(","):
            order = patch.get(f"$setElementOrder/{key}")
            result[key] = _merged_list(result.get(key) or [], value, child, order)
        else:
            result[key] = strategic_merge_patch(result.get(key), value, child)
    for key, order in patch.items():
        directive, _, target = key.partition("/")
        if directive == "$setElementOrder" and target not in patch and target in result:
            merge_key = fields.get(target, {}).get("x-kubernetes-patch-merge-key")
            result[target] = _ordered(result[target], merge_key, order)
    return result


def _merged_list(current: list[Any], patch: list[Any], schema: Object, order: list[Any] | None) -> list[Any]:
    key = schema.get("x-kubernetes-patch-merge-key")
    if key is None:
        return _ordered(current + [item for item in patch if item not in current], None, order)
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [copied(item) for item in patch if item.get("$patch") != "replace"]
    result = list(current)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise BadPatch(f"map: {item!r} does not contain declared merge key: {key}")
        place = next((i for i, old in enumerate(result) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(strategic_merge_patch({}, item, schema.get("items", {})))
        else:
            result[place] = strategic_merge_patch(result[place], item, schema.get("items", {}))
    return _ordered(result, key, order)


def _ordered(items: list[Any], key: str | None, order: list[Any] | None) -> list[Any]:
    if order is None:
        return items
    wanted = [entry.get(key) if key else entry for entry in order]

    def rank(item: Any) -> int:
        value = item.get(key) if key else item
        return wanted.index(value) if value in wanted else len(wanted)

    return sorted(items, key=rank)

"""Who owns which field: `metadata.managedFields`, kept by updates and by server-side apply. Pure.

The rules are those of sigs.k8s.io/structured-merge-diff and apimachinery's managedfields package.
"""

from typing import Any

from attrs import evolve, frozen

from aegis_local.kube.errors import ApiError, Cause, apply_conflict, bad_request
from aegis_local.kube.fields import Paths, compare, decoded, element_of, encoded, held, shown, without
from aegis_local.kube.objects import Object, copied, metadata
from aegis_local.kube.structural import ANYTHING, field_schema, is_atomic, item_schema, with_defaults

# What the server itself sets belongs to nobody.
_SYSTEM = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)}
    | {
        ("f:metadata", f"f:{name}")
        for name in (
            *("name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation"),
            *("managedFields", "resourceVersion"),
        )
    }
)


@frozen
class Manager:
    """One writer in one of its ways: `operation` is Apply or Update."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    def described(self) -> str:
        """The manager as a conflict message names it."""
        sub = f' with subresource "{self.subresource}"' if self.subresource else ""
        using = f" using {self.api_version}" if self.operation == "Update" else ""
        return f'"{self.name}"{sub}{using}'


@frozen
class Owned:
    """The fields of one manager and when it last changed them (RFC 3339)."""

    fields: Paths
    time: str


Managers = dict[Manager, Owned]


def managers_of(obj: Object) -> Managers:
    """Parse `metadata.managedFields`. Raises ApiError (400) if it is malformed."""
    found: Managers = {}
    for entry in metadata(obj).get("managedFields") or ():
        operation = entry.get("operation", "")
        if operation not in ("Apply", "Update"):
            raise bad_request(f'metadata.managedFields: unsupported operation "{operation}": use "Apply" or "Update"')
        manager = Manager(
            entry.get("manager", ""), operation, entry.get("apiVersion", ""), entry.get("subresource", "")
        )
        try:
            fields = decoded(entry.get("fieldsV1") or {})
        except ValueError as error:
            raise bad_request(f"metadata.managedFields: {error}") from error
        found[manager] = Owned(fields, entry.get("time", ""))
    return found


def with_managers(obj: Object, managers: Managers) -> Object:
    """The object with these `managedFields`."""
    entries = []
    ordered = sorted(
        managers.items(), key=lambda pair: (pair[0].operation, pair[1].time, pair[0].name, pair[0].subresource)
    )
    for manager, owned in ordered:
        if owned.fields:
            entry: Object = {
                "manager": manager.name,
                "operation": manager.operation,
                "apiVersion": manager.api_version,
                "time": owned.time,
                "fieldsType": "FieldsV1",
                "fieldsV1": encoded(owned.fields),
            }
            entries.append(entry | ({"subresource": manager.subresource} if manager.subresource else {}))
    meta = {key: value for key, value in metadata(obj).items() if key != "managedFields"}
    return {**obj, "metadata": meta | ({"managedFields": entries} if entries else {})}


def without_managers(obj: Object) -> Object:
    meta = {key: value for key, value in metadata(obj).items() if key != "managedFields"}
    return {**obj, "metadata": meta}


def updated(live: Object, new: Object, manager: Manager, schema: Object, now: str, unowned: Paths) -> Object:
    """`new` with managedFields: `manager` takes what it added or changed, everybody loses what is gone.

    `live` is `{}` when the object is new; `unowned` are paths that this request cannot change (status, mostly).
    """
    managers = _asked_managers(live, new)
    changed, removed = compare(without_managers(live), without_managers(new), schema)
    changed, removed = _outside(changed - _SYSTEM, unowned), _outside(removed, unowned)
    result = _loses(managers, manager, changed | removed)
    mine = result.get(manager)
    fields = _outside(((mine.fields if mine else frozenset()) - removed) | changed, unowned)
    if mine is None or fields != mine.fields:
        result[manager] = Owned(fields, now)
    return with_managers(new, result)


def _asked_managers(live: Object, new: Object) -> Managers:
    """A writer may set managedFields outright (`[{}]` clears them); otherwise the live ones hold."""
    asked = metadata(new).get("managedFields")
    if asked == [{}]:
        return {}
    return managers_of(new) if asked else managers_of(live)


def _loses(managers: Managers, writer: Manager, fields: Paths) -> Managers:
    return {
        manager: owned if manager == writer else evolve(owned, fields=owned.fields - fields)
        for manager, owned in managers.items()
    }


def applied(
    live: Object, config: Object, manager: Manager, schema: Object, now: str, unowned: Paths, force: bool
) -> Object:
    """Server-side apply of `config` to `live` (`{}` if there is none). Raises ApiError (409) on a conflict."""
    # An applier is the same one in whatever version it applies.
    managers = {_in_version_of(known, manager): owned for known, owned in managers_of(live).items()}
    base = without_managers(live) if live else {}
    before = managers.get(manager)
    mine = _outside(held(config, schema) - _SYSTEM, unowned)
    merged = merge(base, config, schema)
    owners: Paths = frozenset().union(mine, *(owned.fields for other, owned in managers.items() if other != manager))
    kept = frozenset(path[:length] for path in owners for length in range(1, len(path) + 1))
    merged = without(merged, (before.fields if before else frozenset()) - kept, schema) or {}
    changed, removed = compare(base, with_defaults(merged, schema) if base else merged, schema)
    changed, removed = _outside(changed, unowned), _outside(removed, unowned)
    disputed = {
        other.described(): owned.fields & changed
        for other, owned in managers.items()
        if other != manager and owned.fields & changed
    }
    if disputed and not force:
        raise _conflict(disputed)
    result = _loses(managers, manager, (changed if force else frozenset()) | removed)
    result[manager] = before if before and before.fields == mine else Owned(mine, now)
    return with_managers(merged, result)


def _in_version_of(known: Manager, applier: Manager) -> Manager:
    return applier if evolve(known, api_version=applier.api_version) == applier else known


def _conflict(disputed: dict[str, Paths]) -> ApiError:
    """The refusal, by who owns what (apimachinery's managedfields/internal/conflict.go)."""
    causes, lines = [], []
    for owner, paths in sorted(disputed.items()):
        places = sorted(shown(path) for path in paths)
        causes += [Cause("FieldManagerConflict", f"conflict with {owner}", place) for place in places]
        lines.append("".join([f"conflicts with {owner}:", *(f"\n- {place}" for place in places)]))
    if len(causes) == 1:
        return apply_conflict(causes, f"{causes[0].message}: {causes[0].field}")
    return apply_conflict(causes, "\n".join(lines))


def _outside(paths: Paths, excluded: Paths) -> Paths:
    return frozenset(path for path in paths if not any(path[: len(root)] == root for root in excluded))


def merge(live: Any, config: Any, schema: Object) -> Any:
    """Put `config` over `live`: objects and associative lists merge, everything else is replaced."""
    if config is None or type(live) is not type(config) or is_atomic(config, schema) or is_atomic(live, schema):
        return copied(config)
    if isinstance(config, dict):
        result = dict(live)
        for name, value in config.items():
            child = field_schema(schema, name) or ANYTHING
            result[name] = merge(live[name], value, child) if name in live else copied(value)
        return result
    old = {element_of(item, schema): item for item in live}
    new = {element_of(item, schema): item for item in config}
    combined = {
        element: merge(old[element], item, item_schema(schema)) if element in old else copied(item)
        for element, item in new.items()
    }
    return _interleaved(old, combined)


def _interleaved(old: dict[str, Any], new: dict[str, Any]) -> list[Any]:
    """The new items in their order; old ones that are not among them keep their place behind their predecessor."""
    order = list(new)
    after = None
    for element in old:
        if element not in new:
            place = 0 if after is None else order.index(after) + 1
            order.insert(place, element)
        after = element
    return [new[element] if element in new else old[element] for element in order]

"""Creates, updates, patches and applies: each is one pass from what is stored to what is stored next."""

import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from attrs import evolve, field, frozen

from aegis_local.kube import builtin_defaults
from aegis_local.kube.acceptance import check_grants, judge, require_namespace
from aegis_local.kube.decoding import conformed
from aegis_local.kube.errors import (
    ApiError,
    FieldError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
)
from aegis_local.kube.fields import Path, Paths
from aegis_local.kube.kinds import Kind
from aegis_local.kube.lifecycle import Birth, born, changed, named, received
from aegis_local.kube.objects import Object, at, metadata, name_of, namespace_of, timestamp
from aegis_local.kube.ownership import Manager, applied, updated, without_managers
from aegis_local.kube.patches import same
from aegis_local.kube.store import ChangedError, Collection, Store
from aegis_local.kube.users import User

_ATTEMPTS = 5


@frozen
class Write:
    """One request that writes: who, what, and the options of its query. `warnings` collects what the client is told."""

    kind: Kind
    namespace: str
    name: str
    user: User
    manager: str
    subresource: str = ""
    dry_run: bool = False
    field_validation: str = ""
    force: bool = False
    warnings: list[str] = field(factory=list)
    options: Object = field(factory=dict)


class Admission(Protocol):
    """The webhooks. `old` is None for a create, `new` is None for a delete; a refusal is raised as ApiError."""

    async def mutate(self, write: Write, operation: str, new: Object, old: Object | None) -> Object: ...

    async def validate(self, write: Write, operation: str, new: Object | None, old: Object | None) -> None: ...


Change = Callable[[Object], Object]
"""From the stored object to the wanted one; may raise ApiError."""


class Writer:
    """Writes to the store. `clock` gives seconds since the epoch."""

    def __init__(self, store: Store, admission: Admission, clock: Callable[[], float]) -> None:
        self._store = store
        self._admission = admission
        self._clock = clock
        self._random = random.SystemRandom()

    @property
    def now(self) -> str:
        return timestamp(self._clock())

    async def create(self, write: Write, value: Any) -> Object:
        """Store a new object from the body `value`."""
        obj = received(conformed(value, write.kind, write.field_validation, write.warnings), write.namespace)
        if write.name and name_of(obj) not in ("", write.name):
            raise bad_request(
                f"the name of the object ({name_of(obj)}) does not match the name on the URL ({write.name})"
            )
        kind = write.kind
        obj = updated({}, obj, self._manager(write, "Update"), kind.schema, self.now, self._unowned(write))
        return await self._create(write, obj)

    async def _create(self, write: Write, obj: Object) -> Object:
        kind = write.kind
        require_namespace(self._store, kind, write.namespace, name_of(obj))
        if kind.builtin:
            obj = self._with_pod_identity(obj)
        obj = await self._admission.mutate(write, "CREATE", obj, None)
        obj = born(named(obj, self._random), kind, Birth(self.now, str(uuid.uuid4()), self._random))
        if kind.builtin:
            obj = builtin_defaults.prepared_for_create(builtin_defaults.with_builtin_defaults(obj), self._random)
        judge(kind, obj, None)
        check_grants(self._store, write.user, kind, obj, None)
        await self._admission.validate(write, "CREATE", obj, None)
        require_namespace(self._store, kind, write.namespace, name_of(obj))
        stored = self._store.get(kind.collection, write.namespace, name_of(obj))
        if stored is not None:
            raise already_exists(kind.group, kind.plural, name_of(obj))
        if write.dry_run:
            return obj
        return self.presented(kind, self._store.put(kind.collection, self._stored_form(kind, obj), None))

    def _with_pod_identity(self, obj: Object) -> Object:
        if obj["kind"] != "Pod":
            return obj
        name = at(obj, ("spec", "serviceAccountName")) or "default"
        if self._store.get(("", "serviceaccounts"), namespace_of(obj), name) is None:
            why = f'error looking up service account {namespace_of(obj)}/{name}: serviceaccount "{name}" not found'
            raise forbidden("", "pods", name_of(obj), why)
        account = self._store.get(("", "serviceaccounts"), namespace_of(obj), name) or {}
        return builtin_defaults.with_service_account(
            obj, name, account.get("automountServiceAccountToken", True), self._random
        )

    async def update(self, write: Write, value: Any) -> Object:
        """Replace the object by the body `value` (PUT)."""
        wanted = conformed(value, write.kind, write.field_validation, write.warnings)
        if name_of(wanted) != write.name:
            raise bad_request(
                f"the name of the object ({name_of(wanted)}) does not match the name on the URL ({write.name})"
            )
        wanted = _in_namespace(wanted, write)
        return await self.change(write, lambda current: self._replacing(write, wanted, current))

    def _replacing(self, write: Write, wanted: Object, current: Object) -> Object:
        """The body of a PUT, which names the object that it replaces."""
        kind = write.kind
        if not kind.builtin and not metadata(wanted).get("resourceVersion"):
            text = "Invalid value: 0x0: must be specified for an update"
            raise invalid(
                kind.group, kind.kind, write.name, [FieldError("FieldValueInvalid", "metadata.resourceVersion", text)]
            )
        uid, own = metadata(wanted).get("uid"), metadata(current)["uid"]
        if uid and uid != own:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {own}"
            raise conflict(kind.group, kind.plural, write.name, why)
        return wanted

    async def patch(self, write: Write, apply: Callable[[Object], Any]) -> Object:
        """Change the object by a patch: `apply` makes the new one from the current one."""

        def patched(current: Object) -> Object:
            value = apply(current)
            wanted = conformed(value, write.kind, write.field_validation, write.warnings)
            return _in_namespace(wanted, write)

        return await self.change(write, patched)

    async def change(self, write: Write, change: Change, track: bool = True) -> Object:
        """Read, change, admit, judge and write; a write that came in between makes it start again.

        `track` records the changed fields for the manager; server-side apply does that itself.
        """
        kind = write.kind
        for _ in range(_ATTEMPTS):
            current = self._store.get(kind.collection, write.namespace, write.name)
            if current is None:
                raise not_found(kind.group, kind.plural, write.name)
            shown = self.presented(kind, current)
            wanted = change(shown)
            asked = metadata(wanted).get("resourceVersion")
            if asked and asked != metadata(current)["resourceVersion"]:
                raise conflict(kind.group, kind.plural, write.name)
            # A write came in between: who asked for a revision is refused in the next round, others are served.
            with suppress(ChangedError):
                return await self._replace(write, shown, wanted, track)
        raise conflict(kind.group, kind.plural, write.name)

    async def _replace(self, write: Write, current: Object, wanted: Object, track: bool) -> Object:
        kind = write.kind
        if track:
            manager = self._manager(write, "Update")
            wanted = updated(current, wanted, manager, kind.schema, self.now, self._unowned(write))
        wanted = await self._admission.mutate(write, "UPDATE", wanted, current)
        wanted = self._conform_update(write, wanted, current)
        judge(kind, wanted, current)
        check_grants(self._store, write.user, kind, wanted, current)
        await self._admission.validate(write, "UPDATE", wanted, current)
        if _unchanged(wanted, current):
            return current
        if write.dry_run:
            return wanted
        revision = metadata(current)["resourceVersion"]
        stored = settled(self._store, kind.collection, self._stored_form(kind, wanted), revision)
        return self.presented(kind, stored)

    def _conform_update(self, write: Write, wanted: Object, current: Object) -> Object:
        if write.kind.builtin and not write.subresource:
            wanted = builtin_defaults.prepared_for_update(builtin_defaults.with_builtin_defaults(wanted), current)
        if write.kind.plural == "namespaces" and write.subresource == "finalize":
            return changed({**current, "spec": wanted.get("spec", {})}, current, write.kind, "")
        return changed(wanted, current, write.kind, "status" if write.subresource == "status" else "")

    async def apply(self, write: Write, config: Object) -> tuple[Object, bool]:
        """Server-side apply; the flag tells whether the object is new."""
        kind = write.kind
        manager = self._manager(write, "Apply")
        config = _in_namespace({**config, "metadata": {**metadata(config), "name": write.name}}, write)

        def merged(current: Object) -> Object:
            result = applied(current, config, manager, kind.schema, self.now, self._unowned(write), write.force)
            return conformed(result, kind, "Ignore", [])

        if self._store.get(kind.collection, write.namespace, write.name) is None:
            self._require_creatable(write, config)
            try:
                return await self._create(write, received(merged({}), write.namespace)), True
            except ApiError as error:
                # Somebody else made it in between: then this apply changes it.
                if error.reason != "AlreadyExists":
                    raise
        return await self.change(write, merged, track=False), False

    def _require_creatable(self, write: Write, config: Object) -> None:
        kind = write.kind
        if write.subresource:
            raise not_found(kind.group, kind.plural, write.name)
        if metadata(config).get("uid"):
            why = "uid mismatch: the provided object specified uid, and no existing object was found"
            raise conflict(kind.group, kind.plural, write.name, why)

    def _manager(self, write: Write, operation: str) -> Manager:
        return Manager(write.manager, operation, write.kind.api_version, write.subresource)

    def _unowned(self, write: Write) -> Paths:
        """What the request cannot change and so cannot own."""
        if write.subresource == "status":
            return frozenset((("f:spec",), *_STATUS_KEEPS))
        return frozenset([("f:status",)]) if "status" in write.kind.subresources else frozenset()

    def _stored_form(self, kind: Kind, obj: Object) -> Object:
        return {**obj, "apiVersion": evolve(kind, version=kind.storage_version).api_version}

    def presented(self, kind: Kind, obj: Object) -> Object:
        """A stored object in the version of the request."""
        return obj if obj["apiVersion"] == kind.api_version else {**obj, "apiVersion": kind.api_version}


_STATUS_KEEPS: tuple[Path, ...] = tuple(
    ("f:metadata", f"f:{name}")
    for name in (
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "ownerReferences",
        "annotations",
        "labels",
    )
)


def is_released(obj: Object) -> bool:
    """Whether nothing holds back an object that is being deleted: no finalizers and no time of grace."""
    meta = metadata(obj)
    waiting = meta.get("finalizers") or (at(obj, ("spec", "finalizers")) if obj["kind"] == "Namespace" else None)
    return not waiting and not meta.get("deletionGracePeriodSeconds")


def settled(store: Store, collection: Collection, obj: Object, revision: str) -> Object:
    """Write an object over the one at `revision`, or remove it when its deletion waited for nothing but this write."""
    if metadata(obj).get("deletionTimestamp") and is_released(obj):
        return store.delete(collection, {**obj, "metadata": {**metadata(obj), "resourceVersion": revision}})
    return store.put(collection, obj, revision)


def _in_namespace(obj: Object, write: Write) -> Object:
    given = namespace_of(obj)
    if given and given != write.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if not write.namespace:
        return obj
    return {**obj, "metadata": {**metadata(obj), "namespace": write.namespace}}


def _unchanged(wanted: Object, current: Object) -> bool:
    """Whether a write would change nothing but the times in managedFields."""
    if not same(_comparable(wanted), _comparable(current)):
        return False
    before, after = (metadata(obj).get("managedFields") or [] for obj in (current, wanted))
    return _timeless(before) == _timeless(after)


def _comparable(obj: Object) -> Object:
    bare = without_managers(obj)
    return {**bare, "metadata": {key: value for key, value in bare["metadata"].items() if key != "resourceVersion"}}


def _timeless(entries: list[Object]) -> list[Object]:
    return sorted(
        ({key: value for key, value in entry.items() if key != "time"} for entry in entries),
        key=lambda entry: (entry["manager"], entry["operation"], entry.get("subresource", "")),
    )

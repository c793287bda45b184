"""Deletes: preconditions, finalizers, propagation and the grace of pods."""

from collections.abc import Callable

from attrs import frozen

from aegis_local.kube.errors import conflict, not_found
from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, at, metadata, name_of, timestamp
from aegis_local.kube.selectors import Selector
from aegis_local.kube.store import ChangedError, Store
from aegis_local.kube.writing import Admission, Write, is_released

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


@frozen
class Deletion:
    """The DeleteOptions that count. `grace` is in seconds, None: the kind's default; `propagation` may be empty."""

    propagation: str = ""
    grace: int | None = None
    uid: str = ""
    resource_version: str = ""


def deletion_of(options: Object) -> Deletion:
    """Read DeleteOptions (a body, or the query parameters of the same names)."""
    propagation = str(options.get("propagationPolicy") or "")
    if options.get("orphanDependents") is not None and not propagation:
        propagation = "Orphan" if options["orphanDependents"] else "Background"
    preconditions = options.get("preconditions") or {}
    return Deletion(
        propagation,
        options.get("gracePeriodSeconds"),
        preconditions.get("uid", ""),
        preconditions.get("resourceVersion", ""),
    )


class Deleter:
    """Deletes from the store. `clock` gives seconds since the epoch."""

    def __init__(self, store: Store, admission: Admission, clock: Callable[[], float]) -> None:
        self._store = store
        self._admission = admission
        self._clock = clock

    async def delete(self, write: Write, deletion: Deletion) -> tuple[Object, bool]:
        """Delete one object, or begin to; the flag tells whether it is gone."""
        kind = write.kind
        while True:
            current = self._store.get(kind.collection, write.namespace, write.name)
            if current is None:
                raise not_found(kind.group, kind.plural, write.name)
            self._check(kind, current, deletion)
            await self._admission.validate(write, "DELETE", None, current)
            marked = _marked(kind, current, deletion, self._clock())
            if write.dry_run:
                return marked, is_released(marked)
            try:
                if marked == current:
                    return current, False
                if is_released(marked):
                    return self._store.delete(kind.collection, {**current, "metadata": marked["metadata"]}), True
                return self._store.put(kind.collection, marked, metadata(current)["resourceVersion"]), False
            except ChangedError:
                continue

    async def delete_collection(self, write: Write, deletion: Deletion, selector: Selector) -> list[Object]:
        """Delete every object of the namespace (or of all) that the selector matches."""
        deleted = []
        for obj in self._store.all(write.kind.collection, write.namespace):
            if selector(obj):
                one = Write(
                    write.kind,
                    str(metadata(obj).get("namespace") or ""),
                    name_of(obj),
                    write.user,
                    write.manager,
                    dry_run=write.dry_run,
                    warnings=write.warnings,
                )
                deleted.append((await self.delete(one, deletion))[0])
        return deleted

    def _check(self, kind: Kind, current: Object, deletion: Deletion) -> None:
        meta = metadata(current)
        if deletion.uid and deletion.uid != meta["uid"]:
            why = f"Precondition failed: UID in precondition: {deletion.uid}, UID in object meta: {meta['uid']}"
            raise conflict(kind.group, kind.plural, name_of(current), why)
        if deletion.resource_version and deletion.resource_version != meta["resourceVersion"]:
            why = (
                f"Precondition failed: ResourceVersion in precondition: {deletion.resource_version}, "
                f"ResourceVersion in object meta: {meta['resourceVersion']}"
            )
            raise conflict(kind.group, kind.plural, name_of(current), why)


def _marked(kind: Kind, current: Object, deletion: Deletion, now: float) -> Object:
    """The object as the delete leaves it; without anything that holds it back it goes at once."""
    meta = dict(metadata(current))
    grace = _grace(kind, current, deletion)
    finalizers = [name for name in meta.get("finalizers") or () if name not in (FOREGROUND, ORPHAN)]
    kept = (
        [name for name in meta.get("finalizers") or () if name in (FOREGROUND, ORPHAN)]
        if not deletion.propagation
        else []
    )
    wanted = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(deletion.propagation, kept)
    finalizers += wanted
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
    if "deletionTimestamp" not in meta:
        meta["deletionTimestamp"] = timestamp(now + grace)
        meta["deletionGracePeriodSeconds"] = grace
        if "generation" in meta:
            meta["generation"] += 1
    elif grace < meta.get("deletionGracePeriodSeconds", 0):
        meta["deletionTimestamp"] = timestamp(now + grace)
        meta["deletionGracePeriodSeconds"] = grace
    result = {**current, "metadata": meta}
    if kind.plural == "namespaces" and not kind.group:
        result["status"] = {**(current.get("status") or {}), "phase": "Terminating"}
    return result


def _grace(kind: Kind, current: Object, deletion: Deletion) -> int:
    """Only a pod that a node runs gets time to end."""
    if (kind.group, kind.plural) != ("", "pods") or not at(current, ("spec", "nodeName")):
        return 0
    if at(current, ("status", "phase")) in ("Succeeded", "Failed"):
        return 0
    if deletion.grace is not None:
        return max(deletion.grace, 0)
    return int(at(current, ("spec", "terminationGracePeriodSeconds")) or 0)

"""What a cluster's controllers do by themselves: namespaces, CRDs, and garbage collection by owner references."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aegis_local.kube import crds
from aegis_local.kube.deleting import FOREGROUND, ORPHAN, Deleter, Deletion
from aegis_local.kube.errors import ApiError
from aegis_local.kube.kinds import Kind, Registry
from aegis_local.kube.objects import Object, at, metadata, name_of, namespace_of
from aegis_local.kube.store import ChangedError, Collection, Event, Store
from aegis_local.kube.users import controller
from aegis_local.kube.writing import Write, Writer, settled

CRD_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_COLLECTOR = controller("generic-garbage-collector")
_CRDS = ("apiextensions.k8s.io", "customresourcedefinitions")
_NAMESPACES = ("", "namespaces")


class Controllers:
    """Reacts to the store's events, one after the other, outside of the request that caused them."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        writer: Writer,
        deleter: Deleter,
        root_certificate: str,
        kind_gone: Callable[[Collection], None],
    ) -> None:
        self._store = store
        self._registry = registry
        self._writer = writer
        self._deleter = deleter
        self._root_certificate = root_certificate
        self._kind_gone = kind_gone

    async def react(self, event: Event) -> None:
        """Do what `event` asks for."""
        if event.type != "DELETED" and self._current(event.collection, event.object) is None:
            return
        if event.collection == _CRDS:
            await self._crd(event)
        elif event.collection == _NAMESPACES and event.type != "DELETED":
            await self._namespace(event.object)
        await self._collect(event)

    def _current(self, collection: Collection, obj: Object) -> Object | None:
        found = self._store.get(collection, namespace_of(obj), name_of(obj))
        return found if found is not None and metadata(found)["uid"] == metadata(obj)["uid"] else None

    def _kind(self, collection: Collection) -> Kind | None:
        kinds = self._registry.of_collection(collection)
        return next((kind for kind in kinds if kind.version == kind.storage_version), next(iter(kinds), None))

    def _write(self, kind: Kind, obj: Object) -> Write:
        return Write(kind, namespace_of(obj), name_of(obj), _COLLECTOR, "kube-controller-manager")

    # Custom resource definitions

    async def _crd(self, event: Event) -> None:
        crd = event.object
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        if event.type == "DELETED":
            self._registry.replace(group, plural, [])
            self._kind_gone((group, plural))
            return
        current = self._current(event.collection, crd) or crd
        if metadata(current).get("deletionTimestamp"):
            for kind in self._registry.of_collection((group, plural))[:1]:
                await self._delete_all(kind, "")
            if not self._store.all((group, plural)):
                self._release(event.collection, current, CRD_FINALIZER)
            return
        self._registry.replace(group, plural, crds.kinds_of(current))
        established = crds.established(current, self._writer.now)
        meta = metadata(current)
        finalizers = [*(name for name in meta.get("finalizers") or () if name != CRD_FINALIZER), CRD_FINALIZER]
        established = {**established, "metadata": {**meta, "finalizers": finalizers}}
        if established != current:
            self._put(event.collection, established)

    # Namespaces

    async def _namespace(self, namespace: Object) -> None:
        current = self._current(_NAMESPACES, namespace)
        if current is None:
            return
        name = name_of(current)
        if not metadata(current).get("deletionTimestamp"):
            await self._furnish(name)
            return
        left = await self._empty(name)
        if not left and at(current, ("spec", "finalizers")):
            latest = self._current(_NAMESPACES, namespace) or current
            spec = {key: value for key, value in latest["spec"].items() if key != "finalizers"}
            self._put(_NAMESPACES, {**latest, "spec": spec})

    async def _furnish(self, namespace: str) -> None:
        """Every namespace has a default ServiceAccount and the certificate that its pods trust."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        trust = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "kube-root-ca.crt"},
            "data": {"ca.crt": self._root_certificate},
        }
        for plural, obj in (("serviceaccounts", account), ("configmaps", trust)):
            kind = self._kind(("", plural))
            if kind is not None and self._store.get(("", plural), namespace, name_of(obj)) is None:
                await self._writer.create(Write(kind, namespace, "", _COLLECTOR, "kube-controller-manager"), obj)

    async def _empty(self, namespace: str) -> bool:
        """Delete everything in a namespace; the result tells whether something is left."""
        left = False
        for collection in self._store.collections():
            kind = self._kind(collection)
            if kind is not None and kind.namespaced:
                await self._delete_all(kind, namespace)
                left = left or bool(self._store.all(collection, namespace))
        return left

    async def _delete_all(self, kind: Kind, namespace: str) -> None:
        for obj in self._store.all(kind.collection, namespace):
            await self._delete(kind, obj, Deletion("Background"))

    async def _delete(self, kind: Kind, obj: Object, deletion: Deletion) -> None:
        try:
            await self._deleter.delete(self._write(kind, obj), deletion)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    # Garbage collection

    async def _collect(self, event: Event) -> None:
        obj = event.object
        uid = metadata(obj)["uid"]
        if event.type == "DELETED":
            for collection, dependent in self._dependents(uid):
                await self._settle(collection, dependent)
            await self._settle_owners(obj)
            await self._settle_namespace(obj)
            return
        current = self._current(event.collection, obj)
        if current is None:
            return
        if metadata(current).get("ownerReferences"):
            await self._settle(event.collection, current)
        finalizers = metadata(current).get("finalizers") or ()
        if metadata(current).get("deletionTimestamp") and ORPHAN in finalizers:
            for collection, dependent in self._dependents(uid):
                self._drop_owner(collection, dependent, {uid})
            self._release(event.collection, current, ORPHAN)
        elif metadata(current).get("deletionTimestamp") and FOREGROUND in finalizers:
            await self._foreground(event.collection, current)

    async def _foreground(self, collection: Collection, owner: Object) -> None:
        uid = metadata(owner)["uid"]
        for found, dependent in self._dependents(uid):
            kind = self._kind(found)
            if kind is not None and not metadata(dependent).get("deletionTimestamp"):
                await self._delete(kind, dependent, Deletion("Foreground"))
        blocking = any(
            reference.get("blockOwnerDeletion")
            for _, dependent in self._dependents(uid)
            for reference in metadata(dependent)["ownerReferences"]
            if reference["uid"] == uid
        )
        latest = self._current(collection, owner)
        if not blocking and latest is not None:
            self._release(collection, latest, FOREGROUND)

    async def _settle(self, collection: Collection, dependent: Object) -> None:
        """Delete an object whose owners are all gone; forget those of several owners that are gone."""
        current = self._current(collection, dependent)
        kind = self._kind(collection)
        if current is None or kind is None:
            return
        references = metadata(current).get("ownerReferences") or []
        gone = {reference["uid"] for reference in references if not self._exists(reference, namespace_of(current))}
        if references and len(gone) == len(references):
            await self._delete(kind, current, Deletion("Background", uid=metadata(current)["uid"]))
        elif gone:
            self._drop_owner(collection, current, gone)

    async def _settle_owners(self, obj: Object) -> None:
        """An owner that waits for its dependents may now go."""
        for reference in metadata(obj).get("ownerReferences") or ():
            kind = self._registry.of_object(reference["apiVersion"], reference["kind"])
            if kind is None:
                continue
            owner = self._store.get(kind.collection, namespace_of(obj) if kind.namespaced else "", reference["name"])
            if owner is not None and FOREGROUND in (metadata(owner).get("finalizers") or ()):
                await self._foreground(kind.collection, owner)

    async def _settle_namespace(self, obj: Object) -> None:
        """A namespace, or a CRD, that waits for its objects may now go."""
        namespace = self._store.get(_NAMESPACES, "", namespace_of(obj)) if namespace_of(obj) else None
        if namespace is not None and metadata(namespace).get("deletionTimestamp"):
            await self._namespace(namespace)
        for crd in self._store.all(_CRDS):
            spec = crd["spec"]
            own = obj["kind"] == spec["names"]["kind"] and obj["apiVersion"].startswith(spec["group"] + "/")
            if (
                own
                and metadata(crd).get("deletionTimestamp")
                and not self._store.all((spec["group"], spec["names"]["plural"]))
            ):
                self._release(_CRDS, crd, CRD_FINALIZER)

    def _exists(self, reference: Object, namespace: str) -> bool:
        kind = self._registry.of_object(reference["apiVersion"], reference["kind"])
        if kind is None:
            return False
        owner = self._store.get(kind.collection, namespace if kind.namespaced else "", reference["name"])
        return owner is not None and metadata(owner)["uid"] == reference["uid"]

    def _dependents(self, uid: str) -> list[tuple[Collection, Object]]:
        return [
            (collection, obj)
            for collection in self._store.collections()
            for obj in self._store.all(collection)
            if any(reference["uid"] == uid for reference in metadata(obj).get("ownerReferences") or ())
        ]

    def _drop_owner(self, collection: Collection, dependent: Object, gone: set[str]) -> None:
        kept = [reference for reference in metadata(dependent)["ownerReferences"] if reference["uid"] not in gone]
        self._put(collection, _with_metadata(dependent, "ownerReferences", kept))

    def _release(self, collection: Collection, obj: Object, finalizer: str) -> None:
        kept = [name for name in metadata(obj).get("finalizers") or () if name != finalizer]
        self._put(collection, _with_metadata(obj, "finalizers", kept))

    def _put(self, collection: Collection, obj: Object) -> None:
        # Whoever else changed it made an event, which brings the controller back here.
        with suppress(ChangedError):
            settled(self._store, collection, obj, metadata(obj)["resourceVersion"])


def _with_metadata(obj: Object, key: str, value: list[Any]) -> Object:
    meta = {name: child for name, child in metadata(obj).items() if name != key}
    return {**obj, "metadata": meta | ({key: value} if value else {})}

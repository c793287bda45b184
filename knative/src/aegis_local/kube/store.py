"""The objects, in memory: one revision for all of them, their history, and those who listen to it.

Revisions are what Kubernetes calls resourceVersion. An object in the store is never changed in place, so whoever
holds one holds a snapshot.
"""

from collections import deque
from collections.abc import Callable
from typing import Literal

from attrs import frozen

from aegis_local.kube.objects import Object, metadata, name_of, namespace_of

Collection = tuple[str, str]
"""A resource by (group, plural)."""
Name = tuple[str, str]
"""An object of a collection by (namespace, name); the namespace of a cluster-scoped object is empty."""


@frozen
class Event:
    """A change: `object` is the state after it (of a deletion: the last state), `previous` the one before."""

    revision: int
    collection: Collection
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object
    previous: Object | None


class CompactedError(Exception):
    """The history no longer reaches back to the revision asked for; `oldest` is the first that it does reach."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")


class ChangedError(Exception):
    """The object is not at the revision that the caller expected."""


Listener = Callable[[Event], None]


class Store:
    """A versioned map with a bounded history of `history` events."""

    def __init__(self, history: int = 10_000) -> None:
        self.revision = 1
        self._objects: dict[Collection, dict[Name, Object]] = {}
        self._history: deque[Event] = deque()
        self._limit = history
        self._compacted = 1
        self._listeners: list[Listener] = []

    def get(self, collection: Collection, namespace: str, name: str) -> Object | None:
        return self._objects.get(collection, {}).get((namespace, name))

    def all(self, collection: Collection, namespace: str = "") -> list[Object]:
        """The objects in the order of their keys; an empty namespace means all."""
        objects = self._objects.get(collection, {})
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

    def collections(self) -> list[Collection]:
        return [collection for collection, objects in self._objects.items() if objects]

    def put(self, collection: Collection, obj: Object, expected: str | None) -> Object:
        """Write `obj` if the stored one is at `expected` (None: if there is none) and return it with its revision."""
        objects = self._objects.setdefault(collection, {})
        key = (namespace_of(obj), name_of(obj))
        previous = objects.get(key)
        self._expect(previous, expected)
        self.revision += 1
        written = {**obj, "metadata": {**metadata(obj), "resourceVersion": str(self.revision)}}
        objects[key] = written
        self._record(Event(self.revision, collection, "MODIFIED" if previous else "ADDED", written, previous))
        return written

    def delete(self, collection: Collection, obj: Object) -> Object:
        """Remove `obj`, which must be at the revision that it carries; the result carries the deletion's revision."""
        objects = self._objects.get(collection, {})
        key = (namespace_of(obj), name_of(obj))
        previous = objects.get(key)
        self._expect(previous, metadata(obj).get("resourceVersion"))
        self.revision += 1
        last = {**obj, "metadata": {**metadata(obj), "resourceVersion": str(self.revision)}}
        del objects[key]
        self._record(Event(self.revision, collection, "DELETED", last, previous))
        return last

    def snapshot(self, collection: Collection, revision: int, namespace: str = "") -> list[Object]:
        """The objects as they were at `revision`."""
        objects = dict(self._objects.get(collection, {}))
        for event in reversed(self.since(revision)):
            if event.collection == collection:
                key = (namespace_of(event.object), name_of(event.object))
                if event.previous is None:
                    del objects[key]
                else:
                    objects[key] = event.previous
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

    def since(self, revision: int) -> list[Event]:
        """The events after `revision`, in order."""
        if revision < self._compacted:
            raise CompactedError(revision, self._compacted)
        return [event for event in self._history if event.revision > revision]

    def compact(self, revision: int | None = None) -> None:
        """Forget the history before `revision`; without one, every revision that anybody has seen."""
        if revision is None:
            self.revision += 1
        self._compacted = max(self._compacted, min(revision or self.revision, self.revision))
        while self._history and self._history[0].revision <= self._compacted:
            self._history.popleft()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _expect(self, previous: Object | None, expected: str | None) -> None:
        if (metadata(previous).get("resourceVersion") if previous else None) != expected:
            raise ChangedError

    def _record(self, event: Event) -> None:
        self._history.append(event)
        if len(self._history) > self._limit:
            self.compact(self._history[0].revision)
        for listener in list(self._listeners):
            listener(event)

"""The API server as one tick sees it: each kind is listed once, and read from that list."""

import threading
from collections.abc import Callable, Mapping

from attrs import define, field

from aegis_reconcile.cluster import Cluster, ClusterError
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    IDENTITY,
    IDENTITY_PROVIDER,
    INGRESS_POLICY,
    NAMESPACE,
    SERVICE_ACCOUNT,
    Key,
    Object,
    Resource,
    key_of,
    mapping,
)

# What many have in common. An Identity itself is always read anew: it may be deleted in the meantime, and what would be
# made for it at its provider then would stay.
_READ_FROM_LISTS = (IDENTITY_PROVIDER, CLUSTER_IDENTITY_PROVIDER, INGRESS_POLICY, NAMESPACE, SERVICE_ACCOUNT)

_List = tuple[Resource, tuple[tuple[str, str], ...]]


@define
class Survey:
    """A `Cluster` that asks another one, as seldom as it can. Threads may share it.

    What it says may be out of date, which the versions of objects show at the first write.
    """

    cluster: Cluster
    _lists: dict[_List, dict[Key, Object]] = field(factory=dict, init=False)
    _unsure: set[Key] = field(factory=set, init=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False)

    def get(self, key: Key) -> Object | None:
        if key.resource in _READ_FROM_LISTS:
            with self._lock:
                if key not in self._unsure:
                    return self._all(key.resource, {}).get(key)
        return self.cluster.get(key)

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] = {}) -> tuple[Object, ...]:
        if resource != IDENTITY:
            with self._lock:
                found = self._all(resource, labels)
                if not any(key.resource == resource and namespace in ("", key.namespace) for key in self._unsure):
                    return tuple(document for key, document in found.items() if namespace in ("", key.namespace))
        return self.cluster.list(resource, namespace, labels)

    def _all(self, resource: Resource, labels: Mapping[str, str]) -> dict[Key, Object]:
        which = resource, tuple(sorted(labels.items()))
        if which not in self._lists:
            documents = self.cluster.list(resource, "", labels)
            self._lists[which] = {key_of(resource, document): document for document in documents}
        return self._lists[which]

    def create(self, resource: Resource, body: Object) -> Object:
        return self._write(key_of(resource, body), lambda: self.cluster.create(resource, body))

    def apply(self, resource: Resource, body: Object) -> Object:
        return self._write(key_of(resource, body), lambda: self.cluster.apply(resource, body))

    def apply_status(self, resource: Resource, body: Object) -> Object:
        return self._write(key_of(resource, body), lambda: self.cluster.apply_status(resource, body))

    def merge_metadata(self, key: Key, metadata: Object) -> Object:
        return self._write(key, lambda: self.cluster.merge_metadata(key, metadata))

    def delete(self, key: Key, uid: str) -> None:
        with self._lock:
            self._unsure.add(key)
        self.cluster.delete(key, uid)

    def _write(self, key: Key, write: Callable[[], Object]) -> Object:
        try:
            written = write()
        except ClusterError:
            with self._lock:
                self._unsure.add(key)
            raise
        with self._lock:
            for (resource, labels), documents in self._lists.items():
                if resource == key.resource and dict(labels).items() <= mapping(written, "metadata", "labels").items():
                    documents[key] = written
        return written

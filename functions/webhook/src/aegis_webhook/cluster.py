"""What admission asks of the cluster, and a short memory for the answers."""

import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Protocol, TypeVar, cast

from attrs import define, field

from aegis_api.provider import AnyProvider, ClusterIdentityProvider
from aegis_api.resources import CLUSTER_IDENTITY_PROVIDER, IDENTITY_PROVIDER, Kind, Resource

T = TypeVar("T")


class ClusterError(Exception):
    """The API server did not answer. Its text is for the operator, and holds no secret."""


class Cluster(Protocol):
    """Read-only. The methods raise ClusterError, and ParseError for an object that is not what its kind says."""

    def get(self, kind: Kind, namespace: str, name: str) -> Resource | None:
        """The object of that name (a cluster-scoped kind: `namespace` is empty), None if there is none."""

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        """The labels of a namespace; none for one that does not exist."""


def provider_of(cluster: Cluster, namespace: str, name: str) -> AnyProvider | None:
    """The provider that `name` means in `namespace`: its own, else one of the cluster that it may use."""
    own = cluster.get(IDENTITY_PROVIDER, namespace, name)
    if own is not None:
        return cast(AnyProvider, own)
    shared = cluster.get(CLUSTER_IDENTITY_PROVIDER, "", name)
    if isinstance(shared, ClusterIdentityProvider) and shared.namespace_selector is not None:
        return shared if shared.namespace_selector.matches(cluster.namespace_labels(namespace)) else None
    return None


_PRESENT_SECONDS = 5.0
# What is missing is often made in the next moment, by the same `kubectl apply`.
_ABSENT_SECONDS = 1.0
_MOST_ENTRIES = 4096


@define
class _Entry:
    """One answer; `lock` lets one thread ask while the others wait for what it hears."""

    lock: threading.Lock = field(factory=threading.Lock)
    good_until: float = float("-inf")
    value: object = None


@define
class Remembered:
    """A Cluster that asks another one, at most once in some seconds for each thing. `clock` gives seconds."""

    cluster: Cluster
    clock: Callable[[], float]
    _entries: dict[Hashable, _Entry] = field(factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def get(self, kind: Kind, namespace: str, name: str) -> Resource | None:
        return self._ask((kind.name, namespace, name), lambda: self.cluster.get(kind, namespace, name))

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        return self._ask(name, lambda: self.cluster.namespace_labels(name))

    def _ask(self, key: Hashable, ask: Callable[[], T]) -> T:
        with self._lock:
            if len(self._entries) >= _MOST_ENTRIES and key not in self._entries:
                self._entries.clear()
            entry = self._entries.setdefault(key, _Entry())
        with entry.lock:
            if self.clock() >= entry.good_until:
                entry.value = ask()
                entry.good_until = self.clock() + (_PRESENT_SECONDS if entry.value else _ABSENT_SECONDS)
            return cast(T, entry.value)

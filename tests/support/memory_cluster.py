"""An API server in memory for the reconcile function: its `Cluster` protocol, with what makes real ones difficult.

Versions that conflict, generations, finalizers, labels, a minimal server-side apply (one manager, which loses what it
no longer applies), the events that an ApiServerSource would send, and failures on demand.
"""

import copy
import threading
from collections.abc import Callable, Mapping
from typing import Any

from aegis_reconcile.cluster import Conflict, Rejected
from aegis_reconcile.events import OneObject
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    EVENT,
    IDENTITY,
    IDENTITY_PROVIDER,
    INGRESS_POLICY,
    NAMESPACE,
    POD,
    Key,
    Object,
    Resource,
    key_of,
    mapping,
    text,
)

WATCHED = (IDENTITY_PROVIDER, CLUSTER_IDENTITY_PROVIDER, IDENTITY, INGRESS_POLICY, POD)
DELETED_AT = "2030-01-01T00:00:00Z"


class MemoryCluster:
    """`before` is called with each method's name and key, and may raise or change things, as others do meanwhile."""

    def __init__(self, *namespaces: str) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.writes: list[tuple[str, Key]] = []
        """Each write that changed something, in order."""
        self.hints: list[OneObject] = []
        """The events that came of it, for the kinds that are watched."""
        self.before: Callable[[str, Key], None] = lambda _method, _key: None
        self._applied: dict[tuple[Key, str], dict[str, Any]] = {}
        self._version = 0
        self._lock = threading.RLock()
        for name in ("kube-system", *namespaces):
            self.put(NAMESPACE, name)

    # What users do.

    def put(self, resource: Resource, name: str, namespace: str = "", **fields: Any) -> Key:
        """A user's create or update: `labels`, `annotations` and the like go to metadata, the rest to the object."""
        key = Key(resource, namespace, name)
        there = self.objects.get(key)
        metadata = {
            **(there["metadata"] if there else {"uid": self._uid(), "generation": 1}),
            "name": name,
            **({"namespace": namespace} if namespace else {}),
            **{part: fields.pop(part) for part in ("labels", "annotations", "finalizers") if part in fields},
        }
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **(there or {}), **fields}
        if there and there.get("spec") != body.get("spec"):
            metadata["generation"] += 1
        self._store("put", key, {**body, "metadata": metadata})
        return key

    def remove(self, key: Key) -> None:
        """A user's delete: finalizers hold it."""
        there = self.objects[key]
        if there["metadata"].get("finalizers"):
            self._store("remove", key, {**there, "metadata": {**there["metadata"], "deletionTimestamp": DELETED_AT}})
        else:
            self._drop("remove", key)

    def status(self, key: Key) -> dict[str, Any]:
        found = self.objects[key].get("status", {})
        assert isinstance(found, dict)
        return found

    def condition(self, key: Key, name: str) -> tuple[str, str]:
        """(status, reason) of a condition."""
        found = next(item for item in self.status(key)["conditions"] if item["type"] == name)
        return found["status"], found["reason"]

    def take_hints(self) -> list[OneObject]:
        taken, self.hints = self.hints, []
        return taken

    def told(self) -> list[tuple[str, str]]:
        """(name of the object, reason) of each Kubernetes Event."""
        return [(o["involvedObject"]["name"], o["reason"]) for k, o in self.objects.items() if k.resource == EVENT]

    # The protocol.

    def get(self, key: Key) -> Object | None:
        self.before("get", key)
        with self._lock:
            return copy.deepcopy(self.objects.get(key))

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] = {}) -> tuple[Object, ...]:
        self.before("list", Key(resource, namespace, ""))
        with self._lock:
            found = [
                (key.namespace, key.name, document)
                for key, document in self.objects.items()
                if key.resource is resource
                and namespace in ("", key.namespace)
                and labels.items() <= mapping(document, "metadata", "labels").items()
            ]
            return tuple(copy.deepcopy(document) for _, _, document in sorted(found, key=lambda item: item[:2]))

    def create(self, resource: Resource, body: Object) -> Object:
        key = key_of(resource, body)
        self.before("create", key)
        with self._lock:
            if key in self.objects:
                raise Conflict(f"{key} already exists")
            return self._store("create", key, {**body, "metadata": {**body["metadata"], "uid": self._uid()}})

    def apply(self, resource: Resource, body: Object) -> Object:
        key = key_of(resource, body)
        self.before("apply", key)
        with self._lock:
            there = self.objects.get(key)
            self._expect(there, body["metadata"].get("resourceVersion"))
            wanted = copy.deepcopy({**body, "metadata": {**body["metadata"]}})
            wanted["metadata"].pop("resourceVersion", None)
            old = self._applied.get((key, ""), {})
            if there is not None and "roleRef" in wanted and there["roleRef"] != wanted["roleRef"]:
                raise Rejected("roleRef is immutable")
            merged = _merged(_without(there or {"metadata": {"uid": self._uid()}}, old, wanted), wanted)
            self._applied[key, ""] = wanted
            return self._store("apply", key, merged)

    def apply_status(self, resource: Resource, body: Object) -> Object:
        key = key_of(resource, body)
        self.before("apply_status", key)
        with self._lock:
            there = self.objects.get(key)
            if there is None:
                raise Conflict(f"{key} is gone")
            self._expect(there, body["metadata"].get("resourceVersion"))
            return self._store("apply_status", key, {**there, "status": copy.deepcopy(body["status"])})

    def merge_metadata(self, key: Key, metadata: Object) -> Object:
        self.before("merge_metadata", key)
        with self._lock:
            there = self.objects.get(key)
            if there is None:
                raise Conflict(f"{key} is gone")
            self._expect(there, metadata.get("resourceVersion"))
            changed = {**there["metadata"], "finalizers": list(metadata["finalizers"])}
            annotations = {**changed.get("annotations", {}), **metadata.get("annotations", {})}
            changed["annotations"] = {name: value for name, value in annotations.items() if value is not None}
            written = self._store("merge_metadata", key, {**there, "metadata": changed})
            if changed.get("deletionTimestamp") and not changed["finalizers"]:
                self._drop("finalized", key)
            return written

    def delete(self, key: Key, uid: str) -> None:
        self.before("delete", key)
        with self._lock:
            there = self.objects.get(key)
            if there is not None:
                if text(there, "metadata", "uid") != uid:
                    raise Conflict(f"{key} is another object now")
                self._drop("delete", key)

    # Inside.

    def _uid(self) -> str:
        self._version += 1
        return f"uid-{self._version}"

    @staticmethod
    def _expect(there: Object | None, version: str | None) -> None:
        if version and text(there, "metadata", "resourceVersion") != version:
            raise Conflict("the object has been modified")

    def _store(self, method: str, key: Key, document: Mapping[str, Any]) -> Object:
        with self._lock:
            there = self.objects.get(key)
            version = text(there, "metadata", "resourceVersion")
            body = copy.deepcopy(dict(document))
            body["metadata"]["resourceVersion"] = version
            if there is None or there != body:
                self._version += 1
                body["metadata"]["resourceVersion"] = str(self._version)
                self.objects[key] = body
                self._note(method, key)
            return copy.deepcopy(body)

    def _drop(self, method: str, key: Key) -> None:
        with self._lock:
            del self.objects[key]
            self._applied.pop((key, ""), None)
            self._note(method, key)

    def _note(self, method: str, key: Key) -> None:
        self.writes.append((method, key))
        if key.resource in WATCHED:
            self.hints.append(OneObject(key))


def _merged(there: Any, wanted: Any) -> Any:
    if not isinstance(there, dict) or not isinstance(wanted, dict):
        return wanted
    result = dict(there)
    for name, value in wanted.items():
        if name == "ownerReferences":
            named = {item["uid"]: item for item in (*there.get(name, []), *value)}
            result[name] = list(named.values())
        else:
            result[name] = _merged(there.get(name), value)
    return result


def _without(there: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`there` less what the manager applied before and no longer applies."""
    result = dict(there)
    for name, value in old.items():
        if name == "ownerReferences":
            dropped = {item["uid"] for item in value} - {item["uid"] for item in new.get(name, [])}
            result[name] = [item for item in result.get(name, []) if item["uid"] not in dropped]
        elif name not in new:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(new[name], dict) and isinstance(result.get(name), dict):
            result[name] = _without(result[name], value, new[name])
    return result

"""The verbs of the Kubernetes API."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from attrs import field, frozen

from aegis_local.client.connection import Connection
from aegis_local.client.errors import ApiRefused
from aegis_local.client.resources import SERVICE_ACCOUNTS, Key, Object, Resource

_MANAGER = "aegis-local"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_WATCH_SECONDS = 300


@frozen
class Collection:
    """What a list or a watch is about; an empty `namespace` means all namespaces."""

    resource: Resource
    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace)

    def params(self) -> dict[str, str]:
        selectors = {"labelSelector": self.label_selector, "fieldSelector": self.field_selector}
        return {name: value for name, value in selectors.items() if value}


@frozen
class IssuedToken:
    """A ServiceAccount token and its lifetime in seconds."""

    token: str = field(repr=False)
    seconds: float


class Api:
    """A Kubernetes API. Every call raises errors.ApiRefused or errors.ApiUnreachable."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._resources: dict[tuple[str, str], Resource] = {}

    async def resource(self, api_version: str, kind: str) -> Resource:
        """Where a kind lives, as discovery says. Raises ApiRefused (404) for a kind that the server does not have."""
        known = self._resources.get((api_version, kind))
        if known is None:
            root = "/apis/" if "/" in api_version else "/api/"
            found = await self.connection.call("GET", root + api_version)
            for entry in found["resources"]:
                if "/" not in entry["name"]:
                    self._resources[(api_version, entry["kind"])] = Resource(
                        api_version, entry["kind"], entry["name"], entry["namespaced"]
                    )
            known = self._resources.get((api_version, kind))
        if known is None:
            raise ApiRefused(404, "NotFound", f"the API has no kind {kind} in {api_version}")
        return known

    async def get(self, resource: Resource, key: Key) -> Object:
        return _object(await self.connection.call("GET", resource.path(key.namespace, key.name)))

    async def find(self, resource: Resource, key: Key) -> Object | None:
        """The object, or None where there is none."""
        try:
            return await self.get(resource, key)
        except ApiRefused as refused:
            if refused.code != 404:
                raise
            return None

    async def list(self, collection: Collection) -> tuple[list[Object], str]:
        """The objects, and the resourceVersion of the list."""
        found = await self.connection.call("GET", collection.path, params=collection.params())
        kind = {"apiVersion": collection.resource.api_version, "kind": collection.resource.kind}
        return [{**kind, **item} for item in found["items"] or ()], found["metadata"]["resourceVersion"]

    async def watch(self, collection: Collection, version: str) -> AsyncGenerator[Object]:
        """The watch events after `version`, bookmarks included; ends when the server ends it."""
        params = {
            **collection.params(),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        async with aclosing(self.connection.lines(collection.path, params)) as lines:
            async for line in lines:
                yield _object(json.loads(line))

    async def apply(self, obj: Object) -> Object:
        """Server-side apply of any object, taking over the fields that it names."""
        resource = await self.resource(obj["apiVersion"], obj["kind"])
        metadata = obj["metadata"]
        namespace = metadata.get("namespace", "default") if resource.namespaced else ""
        path = resource.path(namespace, metadata["name"])
        return _object(await self._apply(path, obj))

    async def apply_status(self, resource: Resource, key: Key, status: Object) -> Object:
        """Server-side apply of a status: fields that it no longer names go."""
        names = {"name": key.name} | ({"namespace": key.namespace} if key.namespace else {})
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": names, "status": status}
        return _object(await self._apply(resource.path(key.namespace, key.name, "status"), body))

    async def create(self, resource: Resource, obj: Object) -> Object:
        path = resource.path(obj["metadata"].get("namespace", ""))
        return _object(await self.connection.call("POST", path, params={"fieldManager": _MANAGER}, body=obj))

    async def merge(self, resource: Resource, key: Key, change: Object) -> Object:
        """A JSON merge patch (RFC 7396)."""
        path = resource.path(key.namespace, key.name)
        return _object(
            await self.connection.call(
                "PATCH", path, params={"fieldManager": _MANAGER}, body=change, content_type=_MERGE
            )
        )

    async def delete(self, resource: Resource, key: Key, options: Mapping[str, Any] = {}) -> None:
        """Delete an object; `options` are DeleteOptions. One that is gone already is no error."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        try:
            await self.connection.call("DELETE", resource.path(key.namespace, key.name), body=body)
        except ApiRefused as refused:
            if refused.code != 404:
                raise

    async def token(
        self, account: Key, audiences: Sequence[str] = (), seconds: int = 3600, bound_to: Object | None = None
    ) -> IssuedToken:
        """A token of a ServiceAccount; without `audiences`, for the API server itself. `bound_to` is a pod."""
        spec: Object = {"expirationSeconds": seconds} | ({"audiences": list(audiences)} if audiences else {})
        if bound_to is not None:
            names = {name: bound_to["metadata"][name] for name in ("name", "uid")}
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", **names}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = SERVICE_ACCOUNTS.path(account.namespace, account.name, "token")
        issued = await self.connection.call("POST", path, body=body)
        return IssuedToken(issued["status"]["token"], float(issued["spec"]["expirationSeconds"]))

    async def _apply(self, path: str, obj: Object) -> Any:
        params = {"fieldManager": _MANAGER, "force": "true"}
        return await self.connection.call("PATCH", path, params=params, body=obj, content_type=_APPLY)


def _object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise ApiRefused(200, "", "the answer is not an object")
    return value

"""Kubernetes objects as plain JSON, and the names by which they are reached."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from aegis_api.resources import API_VERSION, KINDS

Object = Mapping[str, Any]
"""One JSON object as the API server gives it. It is never changed in place."""


@frozen(order=True)
class Resource:
    """A kind of object and its names in URLs."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True


_RBAC = "rbac.authorization.k8s.io/v1"

POD = Resource("v1", "Pod", "pods")
SERVICE_ACCOUNT = Resource("v1", "ServiceAccount", "serviceaccounts")
NAMESPACE = Resource("v1", "Namespace", "namespaces", namespaced=False)
EVENT = Resource("v1", "Event", "events")
ROLE = Resource(_RBAC, "Role", "roles")
ROLE_BINDING = Resource(_RBAC, "RoleBinding", "rolebindings")
CLUSTER_ROLE = Resource(_RBAC, "ClusterRole", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDING = Resource(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False)

_MESH = {kind.name: Resource(API_VERSION, kind.name, kind.plural, kind.namespaced) for kind in KINDS.values()}
IDENTITY_PROVIDER = _MESH["IdentityProvider"]
CLUSTER_IDENTITY_PROVIDER = _MESH["ClusterIdentityProvider"]
IDENTITY = _MESH["Identity"]
INGRESS_POLICY = _MESH["IngressPolicy"]


@frozen(order=True)
class Key:
    """Which object. `namespace` is empty for what belongs to the cluster."""

    resource: Resource
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.namespace}/{self.name}" if self.namespace else self.reference

    @property
    def reference(self) -> str:
        """`Kind name`, for readers who know the namespace."""
        return f"{self.resource.kind} {self.name}"


def part(value: object, *path: str) -> Any:
    """The value at `path` in nested objects; None where there is none."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def mapping(value: object, *path: str) -> Mapping[str, Any]:
    """The object at `path`, empty where there is none."""
    found = part(value, *path)
    return found if isinstance(found, Mapping) else {}


def items(value: object, *path: str) -> list[Any]:
    """The list at `path`, empty where there is none."""
    found = part(value, *path)
    return found if isinstance(found, list) else []


def text(value: object, *path: str) -> str:
    """The string at `path`, empty where there is none."""
    found = part(value, *path)
    return found if isinstance(found, str) else ""


def key_of(resource: Resource, document: Object) -> Key:
    return Key(resource, text(document, "metadata", "namespace"), text(document, "metadata", "name"))


def generation_of(document: Object) -> int:
    """`metadata.generation`; 0 where there is none, as for kinds that do not count."""
    found = part(document, "metadata", "generation")
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def owner_reference(resource: Resource, document: Object) -> dict[str, str]:
    """The entry in `metadata.ownerReferences` that lets the garbage collector remove an object with `document`."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": text(document, "metadata", "name"),
        "uid": text(document, "metadata", "uid"),
    }

"""Where objects of a kind live in the API."""

from typing import Any
from urllib.parse import quote

from attrs import frozen

Object = dict[str, Any]


@frozen
class Resource:
    """A kind and its place: `api_version` is GROUP/VERSION, or v1."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of all namespaces where `namespace` is empty, or of one object."""
        parts = ["apis" if "/" in self.api_version else "api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts += [self.plural, *(quote(part, safe=":") for part in (name, subresource) if part)]
        return "/" + "/".join(parts)


@frozen
class Key:
    """The name of an object of a known kind; `namespace` is empty for cluster-scoped kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def key_of(obj: Object) -> Key:
    return Key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


PODS = Resource("v1", "Pod", "pods", True)
SERVICES = Resource("v1", "Service", "services", True)
NAMESPACES = Resource("v1", "Namespace", "namespaces", False)
CONFIG_MAPS = Resource("v1", "ConfigMap", "configmaps", True)
SECRETS = Resource("v1", "Secret", "secrets", True)
SERVICE_ACCOUNTS = Resource("v1", "ServiceAccount", "serviceaccounts", True)
DEPLOYMENTS = Resource("apps/v1", "Deployment", "deployments", True)
KNATIVE_SERVICES = Resource("serving.knative.dev/v1", "Service", "services", True)
API_SERVER_SOURCES = Resource("sources.knative.dev/v1", "ApiServerSource", "apiserversources", True)
PING_SOURCES = Resource("sources.knative.dev/v1", "PingSource", "pingsources", True)


def owner_reference(owner: Object) -> Object:
    """The reference that makes `owner` the controller of an object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_uid(obj: Object) -> str | None:
    """The uid of the object's controller, if it has one."""
    for reference in obj["metadata"].get("ownerReferences", ()):
        if reference.get("controller"):
            return str(reference["uid"])
    return None


def condition(obj: Object, kind: str) -> Object | None:
    """The status condition of that type."""
    for found in obj.get("status", {}).get("conditions") or ():
        if found.get("type") == kind:
            return dict(found)
    return None


def is_true(obj: Object, kind: str) -> bool:
    """Whether a status condition holds."""
    found = condition(obj, kind)
    return found is not None and found.get("status") == "True"

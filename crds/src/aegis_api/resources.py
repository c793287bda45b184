"""The kinds of the mesh: what Kubernetes calls them, and how each is read."""

from collections.abc import Callable

from attrs import frozen

from aegis_api.identity import Identity, read_identity
from aegis_api.policy import IngressPolicy, read_ingress_policy
from aegis_api.provider import (
    ClusterIdentityProvider,
    IdentityProvider,
    read_cluster_identity_provider,
    read_identity_provider,
)
from aegis_api.reading import Node

GROUP = "aegis.aegisproxy.io"
VERSION = "v1"
API_VERSION = f"{GROUP}/{VERSION}"

Resource = IdentityProvider | ClusterIdentityProvider | Identity | IngressPolicy


@frozen
class Kind:
    """A kind and its names in URLs. `read` turns an object's node into its value."""

    name: str
    plural: str
    namespaced: bool
    read: Callable[[Node, str], Resource]


IDENTITY_PROVIDER = Kind("IdentityProvider", "identityproviders", True, read_identity_provider)
CLUSTER_IDENTITY_PROVIDER = Kind(
    "ClusterIdentityProvider", "clusteridentityproviders", False, read_cluster_identity_provider
)
IDENTITY = Kind("Identity", "identities", True, read_identity)
INGRESS_POLICY = Kind("IngressPolicy", "ingresspolicies", True, read_ingress_policy)

KINDS = {kind.name: kind for kind in (IDENTITY_PROVIDER, CLUSTER_IDENTITY_PROVIDER, IDENTITY, INGRESS_POLICY)}


def parse_resource(document: object, default_namespace: str = "") -> Resource:
    """Reads one object of the mesh as Kubernetes (or a YAML file) gives it. Raises ParseError.

    `default_namespace` stands in where a namespaced object of a file names none.
    """
    node = Node(document)
    fields = node.fields()
    fields.required("apiVersion").one_of({API_VERSION: None})
    return fields.required("kind").one_of(KINDS).read(node, default_namespace)

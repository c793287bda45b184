"""The part of `metadata` that the mesh uses."""

from attrs import field, frozen

from aegis_api.names import namespace_name, object_name
from aegis_api.reading import Node


@frozen
class Metadata:
    """Who an object is.

    `namespace` is empty for cluster-scoped kinds; what follows it is empty for objects read from a file.
    """

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    annotations: dict[str, str] = field(factory=dict, hash=False)


def read_metadata(node: Node, namespaced: bool, default_namespace: str = "") -> Metadata:
    """Reads `metadata`. What Kubernetes adds beyond these fields (labels, managedFields, ...) is passed over."""
    fields = node.fields()
    name = object_name(fields.required("name"))
    namespace = fields.optional("namespace")
    if namespaced and namespace is None and not default_namespace:
        raise node.refuse("metadata with a namespace")
    if not namespaced and namespace is not None:
        raise namespace.refuse("no namespace: this kind belongs to the cluster")
    uid, generation = fields.optional("uid"), fields.optional("generation")
    version, deleted = fields.optional("resourceVersion"), fields.optional("deletionTimestamp")
    finalizers, annotations = fields.optional("finalizers"), fields.optional("annotations")
    return Metadata(
        name=name,
        namespace=namespace_name(namespace) if namespace else (default_namespace if namespaced else ""),
        uid=uid.string() if uid else "",
        generation=generation.integer(0, 2**63 - 1) if generation else 0,
        resource_version=version.string() if version else "",
        deleting=deleted is not None,
        finalizers=finalizers.list_of(Node.string) if finalizers else (),
        annotations={key: value.string() for key, value in annotations.entries()} if annotations else {},
    )

"""The parts of a pod that admission looks at, read with their paths."""

from collections.abc import Iterator

from attrs import field, frozen

from aegis_api.annotations import PROXY_CONTAINER
from aegis_api.reading import Node
from aegis_webhook.decision import Object

INIT_CONTAINER = "aegis-init"
TOKENS_VOLUME = "aegis-tokens"
API_ACCESS_VOLUME = "aegis-api-access"
PROVIDER_VOLUME = "aegis-provider"

OUR_CONTAINERS = (INIT_CONTAINER, PROXY_CONTAINER)
OUR_VOLUMES = (TOKENS_VOLUME, API_ACCESS_VOLUME, PROVIDER_VOLUME)

# Knative's own container in a user's pod, and the ports on which its control plane asks it.
QUEUE_PROXY = "queue-proxy"
KNATIVE_PORTS = frozenset({8008, 8022, 9090, 9091})


@frozen
class Container:
    """A container of a pod. `fields` is the object in the pod itself: who changes it, changes the pod."""

    path: str
    name: str
    fields: Object = field(repr=False)


def at(node: Node, *names: str) -> Node | None:
    """The member of a member, ... ; None where one of them is absent. Raises ParseError."""
    found: Node | None = node
    for name in names:
        found = found.fields().optional(name) if found else None
    return found


def objects_at(node: Node, *names: str) -> Iterator[tuple[Node, Object]]:
    """The items of a list of objects, each with its node. An absent list is empty."""
    listed = at(node, *names)
    for item in listed.items() if listed else ():
        item.fields()
        assert isinstance(item.value, dict)
        yield item, item.value


def containers(pod: Object, *lists: str) -> Iterator[Container]:
    """The containers of the pod's lists; by default of all lists."""
    for name in lists or ("initContainers", "containers", "ephemeralContainers"):
        for node, fields in objects_at(Node(pod), "spec", name):
            yield Container(node.path, node.fields().required("name").string(), fields)


def annotations_of(pod: Object) -> dict[str, str]:
    return _strings(pod, "annotations")


def labels_of(pod: Object) -> dict[str, str]:
    return _strings(pod, "labels")


def _strings(pod: Object, name: str) -> dict[str, str]:
    found = at(Node(pod), "metadata", name)
    return {key: value.string() for key, value in found.entries()} if found else {}


def is_knative(pod: Object) -> bool:
    """Whether the pod is a revision of a Knative Service."""
    return any(container.name == QUEUE_PROXY for container in containers(pod, "containers"))

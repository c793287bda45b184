"""What a pod's spec says, in the words of this kubelet. Pure."""

from collections.abc import Iterator, Mapping

from aegis_api import annotations
from aegis_api.annotations import PROXY_CONTAINER
from aegis_local.client.resources import Object

REDIRECT_CONTAINER = "aegis-init"
API_ACCESS_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"

_PROXY_PORTS = (annotations.INGRESS_PROXY_PORT, annotations.EGRESS_PROXY_PORT, annotations.ADMIN_PORT)


class Unrunnable(Exception):  # says what the pod is
    """A pod that cannot run here. Its text says why, and what to do."""


def init_containers(pod: Object) -> list[Object]:
    return list(pod["spec"].get("initContainers") or ())


def app_containers(pod: Object) -> list[Object]:
    return list(pod["spec"]["containers"])


def containers(pod: Object) -> Iterator[Object]:
    yield from init_containers(pod)
    yield from app_containers(pod)


def is_sidecar(init_container: Object) -> bool:
    """Whether an init container stays up beside the pod's containers (a native sidecar)."""
    return init_container.get("restartPolicy") == "Always"


def check_runnable(pod: Object) -> None:
    """Raises Unrunnable for a pod that this machine cannot run without root."""
    names = {container["name"] for container in containers(pod)}
    if REDIRECT_CONTAINER in names:
        raise Unrunnable(
            f"the container {REDIRECT_CONTAINER} sets iptables rules, and pods here run without root: "
            f'annotate the pod with {annotations.REDIRECT}: "none" and give the app HTTP_PROXY'
        )
    for container in containers(pod):
        if not container.get("command"):
            raise Unrunnable(
                f"the container {container['name']} has no command: images are not looked at here, "
                "so a container must name its command"
            )


def declared_ports(pod: Object) -> dict[int, str]:
    """The pod's container ports and their names; the sidecar's ports are known without being declared."""
    ports: dict[int, str] = {}
    for container in containers(pod):
        if container["name"] == PROXY_CONTAINER:
            ports.update(dict.fromkeys(_PROXY_PORTS, ""))
        for port in container.get("ports") or ():
            ports[int(port["containerPort"])] = port.get("name", "")
    return ports


def port_number(pod: Object, port: int | str) -> int | None:
    """The number of a port that is given by number or by name; None for a name that no container has."""
    if isinstance(port, int) or port.isdecimal():
        return int(port)
    return next((number for number, name in declared_ports(pod).items() if name == port), None)


def program(container: Object) -> tuple[str, ...]:
    """What a container runs, before any rewriting."""
    return (*container["command"], *(container.get("args") or ()))


def mount_folders(container: Object, volumes: Mapping[str, str]) -> dict[str, str]:
    """The folder of each mount path; `volumes` maps a volume's name to its folder."""
    folders = {}
    for mount in container.get("volumeMounts") or ():
        folder, below = volumes[mount["name"]], mount.get("subPath", "")
        folders[mount["mountPath"]] = f"{folder}/{below}" if below else folder
    return folders


def grace_seconds(pod: Object) -> float:
    """How long the pod may take to end: what its deletion says, else its spec."""
    metadata, spec = pod["metadata"], pod["spec"]
    return float(metadata.get("deletionGracePeriodSeconds", spec.get("terminationGracePeriodSeconds", 30)))

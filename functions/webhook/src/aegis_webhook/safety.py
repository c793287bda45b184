"""Pods that would fool the mesh, or that it would break: refused, each with the path, the reason and the way out."""

from aegis_api.annotations import INGRESS, INGRESS_PORT, PROXY_UID, REDIRECT
from aegis_api.reading import Node
from aegis_webhook.decision import Object, Refused
from aegis_webhook.pods import (
    KNATIVE_PORTS,
    OUR_CONTAINERS,
    OUR_VOLUMES,
    Container,
    at,
    containers,
    is_knative,
    objects_at,
)
from aegis_webhook.settings import PROXY_PORTS, PodSettings, Redirect

_ABOVE_RULES = frozenset({"ALL", "NET_ADMIN", "NET_RAW"})


def check(pod: Object, settings: PodSettings) -> None:
    """Judges a pod without our own parts. Raises Refused for the first thing that is wrong."""
    _check_pod(pod)
    for container in containers(pod):
        for refuse in (_check_name, _check_user, _check_mounts, _check_ports):
            refuse(container)
        if settings.redirect is Redirect.IPTABLES:
            _check_capabilities(container)
    if is_knative(pod):
        _check_knative(settings)


def check_ephemeral(pod: Object) -> None:
    """Judges containers that are added to a running, injected pod. Raises Refused."""
    for container in containers(pod, "ephemeralContainers"):
        for refuse in (_check_name, _check_user, _check_mounts, _check_capabilities):
            refuse(container)


def _check_pod(pod: Object) -> None:
    node = Node(pod)
    for names, why in _POD_SWITCHES.items():
        switch = at(node, *names)
        if switch and switch.boolean():
            raise Refused(f"{switch.path}: true is not possible in the mesh: {why}")
    _check_uid(at(node, "spec", "securityContext", "runAsUser"))
    for volume, fields in objects_at(node, "spec", "volumes"):
        if fields.get("name") in OUR_VOLUMES:
            raise Refused(f"{volume.path}: the volume name {fields['name']} belongs to the mesh: choose another one")


_POD_SWITCHES = {
    ("spec", "hostNetwork"): "the pod shares the network of its node, and so the proxy's rules and ports would be the "
    "node's",
    ("spec", "hostPID"): "containers that see the proxy's process can read its tokens",
    ("spec", "shareProcessNamespace"): "containers that see the proxy's process can read its tokens",
}


def _check_name(container: Container) -> None:
    if container.name in OUR_CONTAINERS:
        raise Refused(f"{container.path}: the container name {container.name} belongs to the mesh: choose another one")


def _check_user(container: Container) -> None:
    _check_uid(at(_node(container), "securityContext", "runAsUser"))


def _check_uid(user: Node | None) -> None:
    if user and user.value == PROXY_UID:
        raise Refused(
            f"{user.path}: the user {PROXY_UID} is the proxy's, whose traffic is not redirected: choose another"
        )


def _check_mounts(container: Container) -> None:
    for kind in ("volumeMounts", "volumeDevices"):
        for mount, fields in objects_at(_node(container), kind):
            if fields.get("name") in OUR_VOLUMES:
                raise Refused(f"{mount.path}: the volume {fields['name']} is mounted in the proxy only")


def _check_ports(container: Container) -> None:
    for port, _ in objects_at(_node(container), "ports"):
        for number in (at(port, "containerPort"), at(port, "hostPort")):
            if number and number.integer(0, 65535) in PROXY_PORTS:
                raise Refused(f"{number.path}: the port {number.value} is the proxy's: choose another one")


def _check_capabilities(container: Container) -> None:
    context = at(_node(container), "securityContext")
    if context is None:
        return
    way_out = f'leave it away, or annotate the pod with {REDIRECT}: "none"'
    privileged, added = at(context, "privileged"), at(context, "capabilities", "add")
    if privileged and privileged.boolean():
        raise Refused(f"{privileged.path}: a privileged container can undo the redirection: {way_out}")
    for capability in added.items() if added else ():
        if capability.string().upper().removeprefix("CAP_") in _ABOVE_RULES:
            raise Refused(f"{capability.path}: with {capability.value} a container can undo the redirection: {way_out}")


def _check_knative(settings: PodSettings) -> None:
    if settings.ingress is None:
        return
    if settings.redirect is Redirect.NONE:
        raise Refused(f'{INGRESS} of a Knative pod needs {REDIRECT}: "iptables": its callers connect to queue-proxy')
    taken = sorted(KNATIVE_PORTS.intersection(settings.ingress.ports))
    if taken:
        raise Refused(f"{INGRESS_PORT}: Knative's control plane asks the pod on port {taken[0]}, and has no token")


def _node(container: Container) -> Node:
    return Node(container.fields, container.path)

"""Cells of built-in kinds that no JSONPath can say. Pure: each function takes the object and the time."""

from collections.abc import Callable
from typing import Any

from aegis_local.kube.objects import Object, at, metadata, seconds


def age(elapsed: float) -> str:
    """A duration (seconds) as `kubectl get` prints it (apimachinery's duration.HumanDuration)."""
    total = int(elapsed)
    if total < -1:
        return "<invalid>"
    if total < 120:
        return f"{max(total, 0)}s"
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if minutes < 10:
        return f"{minutes}m{total % 60}s" if total % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 365 * 2:
        return f"{days}d"
    return f"{days // 365}y{days % 365}d" if days < 365 * 8 and days % 365 else f"{days // 365}y"


def _age(obj: Object, now: float) -> str:
    created = metadata(obj).get("creationTimestamp")
    return age(now - seconds(created)) if created else "<unknown>"


def _containers(pod: Object) -> list[Object]:
    """The containers that count: the app's and the native sidecars."""
    sidecars = [c for c in at(pod, ("spec", "initContainers")) or () if c.get("restartPolicy") == "Always"]
    return sidecars + list(at(pod, ("spec", "containers")) or ())


def _statuses(pod: Object) -> list[Object]:
    return [*(at(pod, ("status", "initContainerStatuses")) or ()), *(at(pod, ("status", "containerStatuses")) or ())]


def _pod_ready(pod: Object, now: float) -> str:
    counted = {container["name"] for container in _containers(pod)}
    ready = sum(1 for status in _statuses(pod) if status.get("ready") and status["name"] in counted)
    return f"{ready}/{len(counted)}"


def _pod_status(pod: Object, now: float) -> str:
    if metadata(pod).get("deletionTimestamp"):
        return "Terminating"
    reason = at(pod, ("status", "reason")) or at(pod, ("status", "phase")) or "Unknown"
    for status in at(pod, ("status", "containerStatuses")) or ():
        state = status.get("state", {})
        if waiting := at(state, ("waiting", "reason")):
            reason = waiting
        elif terminated := state.get("terminated"):
            reason = terminated.get("reason") or f"ExitCode:{terminated.get('exitCode', 0)}"
    return str(reason)


def _pod_restarts(pod: Object, now: float) -> str:
    return str(sum(status.get("restartCount", 0) for status in _statuses(pod)))


def _external_ip(service: Object, now: float) -> str:
    if at(service, ("spec", "type")) == "ExternalName":
        return str(at(service, ("spec", "externalName")) or "")
    return ",".join(at(service, ("spec", "externalIPs")) or ()) or "<none>"


def _service_ports(service: Object, now: float) -> str:
    ports = at(service, ("spec", "ports")) or ()
    return ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in ports) or "<none>"


def _service_selector(service: Object, now: float) -> str:
    selector = at(service, ("spec", "selector")) or {}
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items())) or "<none>"


def _data_count(obj: Object, now: float) -> int:
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


def _last_seen(event: Object, now: float) -> str:
    moment = event.get("lastTimestamp") or event.get("eventTime") or metadata(event).get("creationTimestamp")
    return age(now - seconds(moment)) if moment else "<unknown>"


def _event_object(event: Object, now: float) -> str:
    involved = event.get("involvedObject", {})
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def _endpoints(endpoints: Object, now: float) -> str:
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in endpoints.get("subsets") or ()
        for address in subset.get("addresses") or ()
        for port in subset.get("ports") or ()
    ]
    return ",".join(found) or "<none>"


def _binding_role(binding: Object, now: float) -> str:
    return f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"


def _deployment_ready(deployment: Object, now: float) -> str:
    return f"{at(deployment, ('status', 'readyReplicas')) or 0}/{at(deployment, ('spec', 'replicas')) or 0}"


COMPUTED: dict[str, Callable[[Object, float], Any]] = {
    "age": _age,
    "binding_role": _binding_role,
    "data_count": _data_count,
    "deployment_available": lambda obj, now: at(obj, ("status", "availableReplicas")) or 0,
    "deployment_ready": _deployment_ready,
    "deployment_updated": lambda obj, now: at(obj, ("status", "updatedReplicas")) or 0,
    "endpoints_addresses": _endpoints,
    "event_last_seen": _last_seen,
    "event_object": _event_object,
    "pod_readiness_gates": lambda obj, now: "<none>",
    "pod_ready": _pod_ready,
    "pod_restarts": _pod_restarts,
    "pod_status": _pod_status,
    "service_external_ip": _external_ip,
    "service_ports": _service_ports,
    "service_selector": _service_selector,
    "slice_addresses": lambda obj, now: ",".join(
        address for endpoint in obj.get("endpoints") or () for address in endpoint.get("addresses") or ()
    ),
    "slice_ports": lambda obj, now: ",".join(str(port.get("port", "")) for port in obj.get("ports") or ()) or "<unset>",
    "webhook_count": lambda obj, now: len(obj.get("webhooks") or ()),
}

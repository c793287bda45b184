"""Knative Services: each becomes a Deployment of its container, and an address when a pod of it is ready."""

import time
from collections.abc import Callable, Iterable

from attrs import frozen

from aegis_local.client.api import Api
from aegis_local.client.conditions import Holds, conditions, timestamp
from aegis_local.client.controller import Controller
from aegis_local.client.resources import KNATIVE_SERVICES, Key, Object, is_true, key_of, owner_reference
from aegis_local.client.watching import Cache
from aegis_local.reactors import Reactor

SERVICE_LABEL = "serving.knative.dev/service"
REVISION_LABEL = "serving.knative.dev/revision"
DEFAULT_PORT = 8080

_NOT_OF_A_POD = (
    "containers",
    "containerConcurrency",
    "timeoutSeconds",
    "responseStartTimeoutSeconds",
    "idleTimeoutSeconds",
)


def revision_of(service: Object) -> str:
    return f"{service['metadata']['name']}-{service['metadata']['generation']:05d}"


def port_of(service: Object) -> int:
    """The port that the container serves, also told to it as PORT."""
    ports = service["spec"]["template"]["spec"]["containers"][0].get("ports") or ()
    return int(ports[0]["containerPort"]) if ports else DEFAULT_PORT


def deployment_of(service: Object, more_ports: Iterable[int] = ()) -> Object:
    """The Deployment that runs a Knative Service.

    Knative lets a container declare one port. `more_ports` are those that plain Services reach its pods by, such as the
    TLS port of a webhook: they get a local port as well.
    """
    metadata, template = service["metadata"], service["spec"]["template"]
    given, spec = template.get("metadata") or {}, template["spec"]
    annotations = dict(given.get("annotations") or {})
    first, *others = spec["containers"]
    port = port_of(service)
    own = {"K_SERVICE": metadata["name"], "K_CONFIGURATION": metadata["name"], "K_REVISION": revision_of(service)}
    container = {
        "name": "user-container",
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1, "timeoutSeconds": 1},
        "image": "none",
        **first,
        "ports": [{"name": "user-port", "containerPort": port}]
        + [{"containerPort": other} for other in sorted(set(more_ports) - {port})],
        "env": [
            *(first.get("env") or ()),
            {"name": "PORT", "value": str(port)},
            *({"name": name, "value": value} for name, value in own.items()),
        ],
    }
    probe = container["readinessProbe"]
    for target in ("httpGet", "tcpSocket"):
        if target in probe:
            # Knative fills in the port, and probes far more often than the kubelet.
            wanted = probe[target].get("port") or port
            container["readinessProbe"] = {"periodSeconds": 1, **probe, target: {**probe[target], "port": wanted}}
    left_out = (
        "containers",
        "containerConcurrency",
        "timeoutSeconds",
        "responseStartTimeoutSeconds",
        "idleTimeoutSeconds",
    )
    kept = {name: value for name, value in spec.items() if name not in left_out}
    labels = {**(given.get("labels") or {}), SERVICE_LABEL: metadata["name"], REVISION_LABEL: revision_of(service)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"{metadata['name']}-deployment",
            "namespace": metadata["namespace"],
            "labels": {SERVICE_LABEL: metadata["name"]},
            "ownerReferences": [owner_reference(service)],
        },
        "spec": {
            # Knative scales by load, which one machine has none of.
            "replicas": 1,
            "selector": {"matchLabels": {SERVICE_LABEL: metadata["name"]}},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {**kept, "containers": [container, *others]},
            },
        },
    }


def status_of(service: Object, url: str | None, trouble: str, now: str) -> Object:
    """The status; `url` is None while no pod is ready, and `trouble` says what a pod's container waits for."""
    ready = url is not None
    reason = "" if ready else "Deploying"
    held = [Holds(kind, ready or None, reason, trouble) for kind in ("ConfigurationsReady", "RoutesReady", "Ready")]
    status: Object = {
        "observedGeneration": service["metadata"]["generation"],
        "latestCreatedRevisionName": revision_of(service),
        "conditions": conditions(service.get("status", {}).get("conditions") or (), held, now),
    }
    if url is not None:
        status |= {"url": url, "address": {"url": url}, "latestReadyRevisionName": revision_of(service)}
    return status


def ready_pod(service: Object, pods: Iterable[Object]) -> Object | None:
    """A ready pod of the Knative Service, the newest revision first."""
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    own = [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == namespace
        and (pod["metadata"].get("labels") or {}).get(SERVICE_LABEL) == name
        and not pod["metadata"].get("deletionTimestamp")
        and is_true(pod, "Ready")
    ]
    return max(own, key=lambda pod: str(pod["metadata"]["labels"].get(REVISION_LABEL)), default=None)


def extra_ports(service: Object, core_services: Iterable[Object]) -> set[int]:
    """The numeric target ports of core Services that select the pods of this Knative Service."""
    metadata = service["metadata"]
    wanted = {SERVICE_LABEL: metadata["name"]}
    return {
        int(port.get("targetPort", port["port"]))
        for core in core_services
        if core["metadata"]["namespace"] == metadata["namespace"]
        and wanted.items() <= (core["spec"].get("selector") or {}).items()
        for port in core["spec"].get("ports") or ()
        if str(port.get("targetPort", port["port"])).isdecimal()
    }


@frozen
class Seen:
    """What `Serving` looks at: Knative Services, what it makes of them, and what stands around that."""

    services: Cache
    deployments: Cache
    core_services: Cache
    pods: Cache


class Serving:
    """Runs every Knative Service of the API. `local_port` says where a port of a running pod is on this machine."""

    def __init__(
        self, reactor: Reactor, api: Api, seen: Seen, local_port: Callable[[Key, int | str], int | None]
    ) -> None:
        self.controller = Controller(reactor, "Knative Service", self._reconcile)
        self._api = api
        self._seen = seen
        self._local_port = local_port
        self._applied: dict[Key, Object] = {}
        seen.services.listen(self.controller.wake)
        for cache in (seen.deployments, seen.core_services, seen.pods):
            cache.listen(lambda _: self.controller.wake_all(seen.services.objects))

    async def _reconcile(self, key: Key) -> None:
        service = self._seen.services.objects.get(key)
        if service is None or service["metadata"].get("deletionTimestamp"):
            self._applied.pop(key, None)
            return
        deployment = deployment_of(service, extra_ports(service, self._seen.core_services.objects.values()))
        if self._applied.get(key) != deployment or key_of(deployment) not in self._seen.deployments.objects:
            await self._api.apply(deployment)
            self._applied[key] = deployment
        pod = ready_pod(service, self._seen.pods.objects.values())
        port = self._local_port(key_of(pod), port_of(service)) if pod else None
        url = f"http://127.0.0.1:{port}" if port else None
        status = status_of(service, url, "" if url else "no pod is ready", timestamp(time.time()))
        if status != service.get("status"):
            await self._api.apply_status(KNATIVE_SERVICES, key, status)

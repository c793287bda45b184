"""Services without a network: which local port stands for a port of a Service, and the file that tells the proxies."""

from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import frozen

from aegis_local.client.resources import Key, Object, is_true, key_of
from aegis_local.client.watching import Cache
from aegis_local.kubelet.folders import write_private


@frozen(order=True)
class ServicePort:
    """A port of a Service, as clients know it."""

    namespace: str
    service: str
    port: int

    @property
    def host(self) -> str:
        return f"{self.service}.{self.namespace}.svc"


Addresses = dict[ServicePort, int]
"""The local port behind each Service port that has a ready pod."""


def addresses(
    services: Iterable[Object], pods: Iterable[Object], local_port: Callable[[Key, int | str], int | None]
) -> Addresses:
    """Where each Service port leads: to the first of its ready pods, by name. `local_port` maps a pod's port."""
    found: Addresses = {}
    candidates = sorted((pod for pod in pods if _serves(pod)), key=lambda pod: key_of(pod).name)
    for service in services:
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName":
            continue
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        behind = [
            pod
            for pod in candidates
            if pod["metadata"]["namespace"] == namespace
            and selector.items() <= (pod["metadata"].get("labels") or {}).items()
        ]
        for port in service["spec"].get("ports") or ():
            for pod in behind:
                local = local_port(key_of(pod), port.get("targetPort", port["port"]))
                if local is not None:
                    found[ServicePort(namespace, name, int(port["port"]))] = local
                    break
    return found


def _serves(pod: Object) -> bool:
    return is_true(pod, "Ready") and not pod["metadata"].get("deletionTimestamp")


def connect_to(found: Addresses) -> str:
    """The text of a connect-to file: one line `HOST:PORT ADDRESS:PORT` per Service port."""
    return "".join(f"{port.host}:{port.port} 127.0.0.1:{local}\n" for port, local in sorted(found.items()))


class Network:
    """Keeps the connect-to file `path` current, and resolves Services for the API server's admission calls."""

    def __init__(
        self, path: Path, services: Cache, pods: Cache, local_port: Callable[[Key, int | str], int | None]
    ) -> None:
        self._path = path
        self._services = services
        self._pods = pods
        self._local_port = local_port
        self._written: str | None = None
        self.current: Addresses = {}
        for cache in (services, pods):
            cache.listen(lambda _: self._update())
        self._update()

    def resolve(self, namespace: str, service: str, port: int) -> tuple[str, int]:
        """The address of a Service's port. Raises LookupError while nothing serves it."""
        asked = ServicePort(namespace, service, port)
        local = self.current.get(asked)
        if local is None:
            raise LookupError(f"no pod is ready behind {asked.host}:{port}")
        return "127.0.0.1", local

    def _update(self) -> None:
        self.current = addresses(self._services.objects.values(), self._pods.objects.values(), self._local_port)
        text = connect_to(self.current)
        if text != self._written:
            write_private(self._path, text.encode())
            self._written = text

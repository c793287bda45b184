"""One machine that stands for a cluster: the API, the functions, the sources and the pods, wired together."""

import os
import random
import shutil
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aegis_local.client.access import read_kubeconfig
from aegis_local.client.api import Api, Collection
from aegis_local.client.connection import Connection
from aegis_local.client.errors import ApiRefused, ApiUnreachable
from aegis_local.client.resources import (
    API_SERVER_SOURCES,
    DEPLOYMENTS,
    KNATIVE_SERVICES,
    NAMESPACES,
    PING_SOURCES,
    PODS,
    SERVICES,
    Key,
    Object,
    Resource,
    is_true,
    key_of,
)
from aegis_local.client.watching import Cache, Follow
from aegis_local.deployments import Deployments
from aegis_local.kube.embedded import EmbeddedKubernetes
from aegis_local.kubelet.commands import Facts
from aegis_local.kubelet.folders import private_folder
from aegis_local.kubelet.host import Host
from aegis_local.kubelet.node import Node
from aegis_local.kubelet.ports import Ports
from aegis_local.kubelet.probing import Prober
from aegis_local.manifests import in_order, is_webhook, packaged, read
from aegis_local.network import Network
from aegis_local.process.groups import ProcessGroups
from aegis_local.reactors import Reactor
from aegis_local.serving import Seen, Serving
from aegis_local.sources.apiserver import ApiServerSources
from aegis_local.sources.delivery import Sender
from aegis_local.sources.ping import PingSources
from aegis_local.tasks import Tasks
from aegis_local.waiting import until
from aegis_local.webhooks import complete

_READY_SECONDS = 60.0


class Machine:
    """Starts everything; `stop` ends everything. `state` is a folder of its own for this run."""

    def __init__(self, reactor: Reactor, state: Path, tell: Callable[[str], None]) -> None:
        self.reactor = reactor
        self.state = state
        self._tell = tell
        self._tasks = Tasks()
        self._groups = ProcessGroups(reactor)
        self._caches: dict[Resource, Cache] = {}
        self._closers: list[Callable[[], Awaitable[None]]] = [self._groups.close]

    async def start(self, manifests: Path, *, port: int = 0) -> None:
        """Bring up the API, then what `manifests` (a folder with `crds/` and `knative/`) say."""
        crds, objects = read(manifests / "crds"), in_order(read(manifests / "knative"))
        private_folder(self.state)
        private_folder(self.state / "logs")
        self.kubernetes = await EmbeddedKubernetes.start(
            self.reactor, self.state / "kubernetes", port=port, resolve_service=self._resolve
        )
        self._closers.append(self.kubernetes.stop)
        self.api = Api(Connection(self.reactor, read_kubeconfig(self.kubernetes.kubeconfig)))
        self._closers.append(self.api.connection.close)
        self._tell(f"the Kubernetes API listens at {self.kubernetes.url}")
        await self.apply(packaged("aegis_local", "data/knative.yaml"))
        await self.apply(crds)
        self._run_pods()
        self._run_knative()
        plain, hooks = complete([obj for obj in objects if not is_webhook(obj)], list(filter(is_webhook, objects)))
        await self.apply(plain)
        await self._functions_ready(_keys(plain, KNATIVE_SERVICES))
        await self.apply(hooks)
        for resource in (API_SERVER_SOURCES, PING_SOURCES):
            for key in _keys(plain, resource):
                await self.ready(resource, key)
                self._tell(f"events flow from {resource.kind} {key}")

    async def apply(self, objects: Sequence[Object]) -> None:
        """Server-side apply of objects in order, waiting for each CRD to be served."""
        for obj in in_order(objects):
            await self.api.apply(obj)
            if obj["kind"] == "CustomResourceDefinition":
                await self._established(obj)

    def cache(self, resource: Resource) -> Cache:
        """The objects of a kind that this machine watches, as last seen."""
        return self._caches[resource]

    async def stop(self) -> None:
        """End every pod, every watch and the API. Nothing of it runs afterwards."""
        self._tasks.cancel()
        for close in reversed(self._closers):
            await close()
        shutil.rmtree(self.state / "pods", ignore_errors=True)

    def _run_pods(self) -> None:
        address = urlsplit(self.kubernetes.url)
        self.host = Host(
            reactor=self.reactor,
            api=self.api,
            groups=self._groups,
            prober=Prober(self.reactor),
            ports=Ports(random.SystemRandom()),
            state=self.state,
            facts=Facts(
                api_host=address.hostname or "",
                api_port=address.port or 443,
                connect_to=self.state / "connect-to",
                # Where `python` and `aegis-proxy` are the ones that are installed beside this package.
                path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            ),
        )
        pods, services, deployments = (self._follow(found) for found in (PODS, SERVICES, DEPLOYMENTS))
        self.node = Node(self.host, pods)
        self.network = Network(self.host.facts.connect_to, services, pods, self.node.local_port)
        self._start("pods", self.node.controller.run())
        self._start("deployments", Deployments(self.reactor, self.api, deployments, pods).controller.run())

    def _run_knative(self) -> None:
        knative, namespaces = self._follow(KNATIVE_SERVICES), self._follow(NAMESPACES)
        serving = Serving(
            self.reactor,
            self.api,
            Seen(knative, self.cache(DEPLOYMENTS), self.cache(SERVICES), self.cache(PODS)),
            self.node.local_port,
        )
        sender = Sender(self.reactor)
        sources = ApiServerSources(
            self.reactor, self.api, sender, self._follow(API_SERVER_SOURCES), knative, namespaces
        )
        pings = PingSources(self.reactor, self.api, sender, self._follow(PING_SOURCES), knative)
        self._closers += [sender.close, sources.close, pings.close]
        for name, controller in (
            ("Knative Services", serving.controller),
            ("ApiServerSources", sources.controller),
            ("PingSources", pings.controller),
        ):
            self._start(name, controller.run())

    def _follow(self, resource: Resource) -> Cache:
        cache = self._caches[resource] = Cache()
        self._start(f"watch of {resource.kind}", Follow(self.reactor, self.api, Collection(resource), cache).run())
        return cache

    def _start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        self._tasks.start(name, work)

    def _resolve(self, namespace: str, service: str, port: int) -> tuple[str, int]:
        return self.network.resolve(namespace, service, port)

    async def _established(self, crd: Object) -> None:
        spec = crd["spec"]
        version = f"{spec['group']}/{spec['versions'][0]['name']}"

        async def served() -> bool:
            try:
                await self.api.resource(version, spec["names"]["kind"])
            except (ApiRefused, ApiUnreachable):
                return False
            return True

        await until(self.reactor, served, _READY_SECONDS, f"the kind {spec['names']['kind']} to be served")

    async def _functions_ready(self, services: Sequence[Key]) -> None:
        for key in services:
            self._tell(f"starting the function {key}")
        for key in services:
            await self.ready(KNATIVE_SERVICES, key)
            self._tell(f"the function {key} is ready")

    async def ready(self, resource: Resource, key: Key) -> None:
        """Wait until an object of a watched kind is Ready. Raises TooLate."""

        async def holds() -> bool:
            found = self.cache(resource).objects.get(key)
            return found is not None and is_true(found, "Ready")

        await until(self.reactor, holds, _READY_SECONDS, f"{resource.kind} {key} to be ready")


def _keys(objects: Sequence[Object], resource: Resource) -> list[Key]:
    """The names of the objects of one kind."""
    kind = (resource.api_version, resource.kind)
    return [key_of(obj) for obj in objects if (obj["apiVersion"], obj["kind"]) == kind]

"""The life of one pod: volumes, init containers and sidecars in order, then its containers, and the end of them all."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults

from aegis_local.client.errors import ApiRefused, ApiUnreachable
from aegis_local.client.resources import CONFIG_MAPS, SECRETS, Key, Object
from aegis_local.kubelet import environment, volumes
from aegis_local.kubelet.commands import Surroundings, command_of, kubeconfig_file, kubeconfig_of, work_folder
from aegis_local.kubelet.container import Command, Container, Plan, Waiting
from aegis_local.kubelet.data import bytes_of
from aegis_local.kubelet.environment import Data, Missing, Source
from aegis_local.kubelet.folders import private_folder, write_private, write_volume
from aegis_local.kubelet.host import Host
from aegis_local.kubelet.pods import (
    Unrunnable,
    app_containers,
    check_runnable,
    containers,
    declared_ports,
    init_containers,
    is_sidecar,
)
from aegis_local.kubelet.probing import read_probe
from aegis_local.kubelet.status import Refused, View
from aegis_local.kubelet.tokens import TokenKeeper
from aegis_local.tasks import Bell, Tasks, sleep

_REFRESH_SECONDS = 10.0
_RETRY_SECONDS = 0.5
_LEAST_GRACE = 1.0


class PodLife:
    """Runs one pod. `changed` hears of everything that its status shows."""

    def __init__(self, host: Host, pod: Object, changed: Callable[[], None]) -> None:
        self.pod = pod
        self.started = time.time()
        self.refused: Refused | None = None
        self.ports = host.ports.take(declared_ports(pod))
        self._host = host
        self._changed = changed
        self._bell = Bell()
        self._tasks = Tasks()
        self._stopping = False
        self._trouble = ""
        self._folder = host.pod_folder(pod["metadata"]["uid"])
        self._tokens = TokenKeeper(host.api, pod, time.time)
        self._around = Surroundings(
            facts=host.facts,
            ports=self.ports,
            volumes={
                volume["name"]: str(self._folder / "volumes" / volume["name"]) for volume in volumes.volumes_of(pod)
            },
            folder=self._folder,
        )
        self._containers: dict[str, Container] = {}

    @property
    def uid(self) -> str:
        return str(self.pod["metadata"]["uid"])

    def begin(self) -> None:
        """Start, or find out why this pod cannot run here."""
        try:
            check_runnable(self.pod)
            self._containers = {found["name"]: self._container(found) for found in containers(self.pod)}
        except (Unrunnable, ValueError) as error:
            self.refused = Refused("Unrunnable", str(error))
            self._changed()
            return
        self._tasks.start(f"pod {self.pod['metadata']['name']}", self._run())

    def views(self) -> list[View]:
        """The containers at this moment, in the order of the spec."""
        inits = init_containers(self.pod)
        return [self._view(found, init=True, sidecar=is_sidecar(found)) for found in inits] + [
            self._view(found, init=False, sidecar=False) for found in app_containers(self.pod)
        ]

    async def stop(self, grace: float) -> None:
        """End all containers, sidecars last; SIGKILL after `grace` seconds. Folder and ports are free afterwards."""
        if self._stopping:
            return
        self._stopping = True
        self._tasks.cancel()
        deadline = time.monotonic() + grace
        sidecars = (
            [_name(found) for found in init_containers(self.pod) if is_sidecar(found)] if self._containers else []
        )
        await self._stop([name for name in self._containers if name not in sidecars], grace)
        for name in reversed(sidecars):
            await self._stop([name], max(deadline - time.monotonic(), min(grace, _LEAST_GRACE)))
        shutil.rmtree(self._folder, ignore_errors=True)
        self._host.ports.give_back(self.ports.values())

    async def _stop(self, names: Sequence[str], grace: float) -> None:
        ends = [
            Deferred.fromCoroutine(self._containers[name].stop(grace)) for name in names if name in self._containers
        ]
        await gatherResults(ends)

    async def _run(self) -> None:
        await self._furnish()
        self._tasks.start("volumes", self._refresh())
        for found in init_containers(self.pod):
            container = self._containers[found["name"]]
            container.begin()
            while not (container.started if is_sidecar(found) else container.final):
                await self._bell.heard()
            if container.final and container.final.exit.code:
                return
        apps = [self._containers[found["name"]] for found in app_containers(self.pod)]
        for container in apps:
            container.begin()
        while not all(container.final for container in apps):
            await self._bell.heard()
        for found in reversed(init_containers(self.pod)):
            if is_sidecar(found):
                await self._containers[found["name"]].stop(_LEAST_GRACE)

    async def _furnish(self) -> None:
        """Make folders and volumes; tries again until what they are made of is there."""
        for found in containers(self.pod):
            private_folder(work_folder(self._around, found))
            config = kubeconfig_of(found, self.pod, self._around)
            if config is not None:
                write_private(kubeconfig_file(self._around, found), config.encode())
        while True:
            try:
                await self._write_volumes()
            except (Missing, ApiRefused, ApiUnreachable) as error:
                self._become_trouble(str(error))
                await sleep(self._host.reactor, _RETRY_SECONDS)
            else:
                self._become_trouble("")
                return

    async def _refresh(self) -> None:
        """Keep tokens, ConfigMaps and Secrets in the volumes current."""
        while True:
            await sleep(self._host.reactor, _REFRESH_SECONDS)
            try:
                await self._write_volumes()
            except (Missing, ApiRefused, ApiUnreachable):
                continue  # what was written stays, as with the real kubelet

    async def _write_volumes(self) -> None:
        data = await self._data(volumes.sources_of(self.pod))
        tokens = await self._tokens.current(volumes.tokens_of(self.pod))
        for volume in volumes.volumes_of(self.pod):
            folder = private_folder(self._volume_folder(_name(volume)))
            files = volumes.files_of(volume, self.pod, data, tokens)
            if files is not None:
                write_volume(folder, files)

    def _volume_folder(self, name: str) -> Path:
        return self._folder / "volumes" / name

    async def _data(self, sources: set[Source]) -> Data:
        found = {}
        for source in sources:
            resource = CONFIG_MAPS if source.kind == "ConfigMap" else SECRETS
            obj = await self._host.api.find(resource, Key(self.pod["metadata"]["namespace"], source.name))
            if obj is not None:
                found[source] = bytes_of(obj)
        return found

    def _container(self, spec: Object) -> Container:
        metadata = self.pod["metadata"]

        async def prepare() -> Command:
            return command_of(spec, self.pod, await self._data(environment.sources_of(spec)), self._around)

        own = spec in init_containers(self.pod)
        policy = self.pod["spec"].get("restartPolicy", "Always")
        if own:
            policy = "Always" if is_sidecar(spec) else ("Never" if policy == "Never" else "OnFailure")
        ports = dict(self.ports)
        plan = Plan(
            name=spec["name"],
            policy=policy,
            output=self._host.log_file(metadata["namespace"], metadata["name"], spec["name"]),
            folder=work_folder(self._around, spec),
            startup=read_probe(self.pod, spec, "startupProbe", ports),
            readiness=read_probe(self.pod, spec, "readinessProbe", ports),
            liveness=read_probe(self.pod, spec, "livenessProbe", ports),
        )
        return Container(self._host.reactor, self._host.groups, self._host.prober, plan, prepare, self._heard)

    def _view(self, spec: Object, init: bool, sidecar: bool) -> View:
        container = self._containers.get(spec["name"])
        if container is None:
            return View(spec["name"], spec["image"], Waiting("ContainerCreating"), init=init, sidecar=sidecar)
        state = container.state
        if isinstance(state, Waiting) and self._trouble:
            state = Waiting("ContainerCreating", self._trouble)
        elif isinstance(state, Waiting) and not init and state.reason == "ContainerCreating":
            state = Waiting("PodInitializing")
        return View(
            name=spec["name"],
            image=spec["image"],
            state=state,
            last=container.last,
            restarts=container.restarts,
            ready=container.ready,
            started=container.started,
            init=init,
            sidecar=sidecar,
        )

    def _become_trouble(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            self._changed()

    def _heard(self) -> None:
        self._bell.ring()
        self._changed()


def _name(part: Object) -> str:
    return str(part["name"])

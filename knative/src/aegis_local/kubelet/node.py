"""All pods of the API, on this machine."""

import time

from aegis_local.client.controller import Controller
from aegis_local.client.resources import PODS, Key, Object
from aegis_local.client.watching import Cache
from aegis_local.kubelet.environment import NODE_NAME
from aegis_local.kubelet.host import Host
from aegis_local.kubelet.pod import PodLife
from aegis_local.kubelet.pods import grace_seconds, port_number
from aegis_local.kubelet.status import pod_status
from aegis_local.tasks import Tasks


class Node:
    """Runs every pod that `pods` shows, and writes its status."""

    def __init__(self, host: Host, pods: Cache) -> None:
        self.controller = Controller(host.reactor, "pod", self._reconcile)
        self._host = host
        self._pods = pods
        self._lives: dict[Key, PodLife] = {}
        self._ending: dict[Key, PodLife] = {}
        self._tasks = Tasks()
        pods.listen(self.controller.wake)

    def local_port(self, pod: Key, port: int | str) -> int | None:
        """Where a port of a running pod, by number or name, is on this machine."""
        life = self._lives.get(pod)
        number = port_number(life.pod, port) if life else None
        return life.ports.get(number) if life and number is not None else None

    async def close(self) -> None:
        """End all pods at once, without telling the API."""
        for life in [*self._lives.values(), *self._ending.values()]:
            await life.stop(0)
        self._tasks.cancel()

    async def _reconcile(self, key: Key) -> None:
        pod, life = self._pods.objects.get(key), self._lives.get(key)
        if life is not None and (pod is None or pod["metadata"]["uid"] != life.uid):
            self._end(key, life, 0 if pod is None else grace_seconds(life.pod))
            life = None
        if pod is None or key in self._ending:
            return
        if pod["metadata"].get("deletionTimestamp"):
            if life is None:
                await self._remove(pod)
            else:
                self._end(key, life, grace_seconds(pod))
            return
        if life is None:
            if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                return
            if pod["spec"].get("nodeName") not in (None, "", NODE_NAME):
                return
            if not pod["spec"].get("nodeName"):
                pod = await self._host.api.merge(PODS, key, {"spec": {"nodeName": NODE_NAME}})
            life = self._lives[key] = PodLife(self._host, pod, lambda: self.controller.wake(key))
            life.begin()
        life.pod = pod
        await self._write_status(key, pod, life)

    def _end(self, key: Key, life: PodLife, grace: float) -> None:
        del self._lives[key]
        self._ending[key] = life
        self._tasks.start(f"end of pod {key}", self._stop(key, life, grace))

    async def _stop(self, key: Key, life: PodLife, grace: float) -> None:
        try:
            await life.stop(grace)
        finally:
            del self._ending[key]
            self.controller.wake(key)

    async def _remove(self, pod: Object) -> None:
        """Tell the API that a pod that is being deleted has ended."""
        key = Key(pod["metadata"]["namespace"], pod["metadata"]["name"])
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        await self._host.api.delete(PODS, key, options)

    async def _write_status(self, key: Key, pod: Object, life: PodLife) -> None:
        status = pod_status(pod, life.views(), life.refused, life.started, time.time())
        current = pod.get("status", {})
        if any(current.get(name) != value for name, value in status.items()):
            await self._host.api.apply_status(PODS, key, status)

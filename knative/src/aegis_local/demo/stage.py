"""The mesh under the demo: apply, look up, send."""

import json
from collections.abc import Sequence
from typing import Any

from twisted.internet.threads import deferToThreadPool

from aegis_local.client.errors import ApiRefused
from aegis_local.client.resources import PODS, Key, Object, is_true
from aegis_local.demo.requests import Answer, Request, send
from aegis_local.demo.tokens import credentials_in
from aegis_local.machine import Machine
from aegis_local.manifests import packaged
from aegis_local.network import ServicePort
from aegis_local.waiting import until

NAMESPACE = "demo"
SERVICES_OF_CHAIN = ("chain01", "chain02", "chain03")
_READY_SECONDS = 60.0
_EGRESS_PORT = 3128


class Stage:
    """What the checks need. It remembers every credential that it saw, for the search in the logs."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.api = machine.api
        self.credentials: set[bytes] = {machine.kubernetes.admin_token.encode()}

    async def apply_mesh(self) -> None:
        """Apply identities and policies, and wait until the reconcile function has made them ready."""
        objects = packaged("aegis_local.demo", "mesh.yaml")
        await self.machine.apply(objects)
        for obj in objects:
            if obj["kind"] == "Identity":
                await self.until_true(obj, "Ready")

    async def apply_workloads(self, names: Sequence[str] = SERVICES_OF_CHAIN) -> None:
        """Apply the Services and pods of these names, and wait until Services lead to ready pods."""
        objects = packaged("aegis_local.demo", "workloads.yaml")
        await self.machine.apply([obj for obj in objects if obj["metadata"]["name"] in names])
        for name in names:
            await self.machine.ready(PODS, Key(NAMESPACE, name))
        wanted = {ServicePort(NAMESPACE, name, 80) for name in names}

        async def served() -> bool:
            return wanted <= self.machine.network.current.keys()

        await until(self.machine.reactor, served, _READY_SECONDS, "the Services to lead to the pods")

    async def until_true(self, obj: Object, condition: str) -> None:
        """Wait until a status condition of an object holds."""
        resource = await self.api.resource(obj["apiVersion"], obj["kind"])
        key = Key(obj["metadata"]["namespace"], obj["metadata"]["name"])

        async def holds() -> bool:
            found = await self.api.find(resource, key)
            return found is not None and is_true(found, condition)

        await until(self.machine.reactor, holds, _READY_SECONDS, f"{resource.kind} {key} to be {condition}")

    async def token(self, account: str, service: str) -> str:
        """A token of a ServiceAccount of the demo, made for one service, as its own sidecar would hold it."""
        issued = await self.api.token(Key(NAMESPACE, account), [f"{service}.{NAMESPACE}.svc"])
        self.credentials.add(issued.token.encode())
        return issued.token

    async def send(self, request: Request) -> Answer:
        """Send to the Service of that host name: to the sidecar of a pod behind it."""
        address = self.machine.network.resolve(NAMESPACE, request.host.partition(".")[0], 80)
        return await self._in_thread(request, address)

    async def send_through(self, pod: str, request: Request) -> Answer:
        """Hand a request to the egress side of a pod's sidecar, as the app in that pod does."""
        port = self.machine.node.local_port(Key(NAMESPACE, pod), _EGRESS_PORT)
        if port is None:
            raise LookupError(f"the pod {pod} does not run")
        return await self._in_thread(request, ("127.0.0.1", port))

    async def refusal_of(self, pod: Object) -> str | None:
        """What the API server says against a pod, None if it takes it."""
        try:
            await self.api.create(PODS, pod)
        except ApiRefused as refused:
            return refused.message
        return None

    async def remove_pod(self, name: str) -> None:
        """Delete a pod and wait until it is gone."""
        self.remember_credentials()
        key = Key(NAMESPACE, name)
        await self.api.delete(PODS, key)

        async def gone() -> bool:
            return await self.api.find(PODS, key) is None

        await until(self.machine.reactor, gone, _READY_SECONDS, f"the pod {name} to end")

    def remember_credentials(self) -> None:
        """Take note of every token that pods have mounted now."""
        self.credentials.update(credentials_in(self.machine.state / "pods"))

    async def _in_thread(self, request: Request, address: tuple[str, int]) -> Answer:
        reactor = self.machine.reactor
        answer: Answer = await deferToThreadPool(reactor, reactor.getThreadPool(), send, request, address)
        return answer


def described(answer: Answer) -> str:
    """An answer as the table shows it: the status, and what is worth knowing of the rest."""
    if answer.status == 401:
        return "401, Bearer challenge" if answer.challenge.startswith("Bearer") else "401 without a challenge"
    if answer.status != 200:
        return str(answer.status)
    try:
        return f"200 {'>'.join(_chain(json.loads(answer.body)))}"
    except (ValueError, KeyError, TypeError):
        return "200 and an answer of somebody else"


def _chain(answer: Any) -> list[str]:
    """The services that answered, one after the other, and how the last one fared."""
    if "refused" in answer:
        return [f"refused {answer['refused']}"]
    if "failed" in answer:
        return [f"failed: {answer['failed']}"]
    return [answer["service"], *(_chain(answer["next"]) if "next" in answer else [])]

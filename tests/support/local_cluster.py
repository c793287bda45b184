"""The embedded API, or a whole local machine, on the reactor of a test."""

import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from aegis_local.client.access import read_kubeconfig
from aegis_local.client.api import Api
from aegis_local.client.connection import Connection
from aegis_local.kube.embedded import EmbeddedKubernetes
from aegis_local.machine import Machine
from aegis_local.waiting import until
from support.on_reactor import on_reactor, reactor

T = TypeVar("T")

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}


def on_api(folder: Path, work: Callable[[EmbeddedKubernetes, Api], Coroutine[Any, Any, T]], seconds: float = 60) -> T:
    """The result of `work` with a fresh API that has the namespace `test`, and an administrator's client."""

    async def run() -> T:
        server = await EmbeddedKubernetes.start(reactor, folder / "kubernetes", faults=True)
        api = Api(Connection(reactor, read_kubeconfig(server.kubeconfig)))
        try:
            await api.apply(NAMESPACE)
            return await work(server, api)
        finally:
            await api.connection.close()
            await server.stop()

    with _twisteds_own_warnings():
        return on_reactor(run(), seconds)


async def inject(api: Api, fault: str) -> None:
    """Have the embedded API misbehave: drop-watches, expire-watches, compact, ..."""
    await api.connection.call("POST", "/debug/faults", body={"fault": fault})


def on_machine(
    folder: Path, manifests: str, work: Callable[[Machine], Coroutine[Any, Any, T]], seconds: float = 60
) -> T:
    """The result of `work` on a machine with the mesh's kinds and the YAML text `manifests`."""
    (folder / "crds").mkdir()
    (folder / "knative").mkdir()
    crds = Path(__file__).resolve().parents[2] / "crds"
    for path in crds.glob("*.yaml"):
        (folder / "crds" / path.name).write_text(path.read_text())
    (folder / "knative" / "all.yaml").write_text(manifests)

    async def run() -> T:
        machine = Machine(reactor, folder / "state", lambda _: None)
        try:
            await machine.start(folder)
            return await work(machine)
        finally:
            await machine.stop()

    with _twisteds_own_warnings():
        return on_reactor(run(), seconds)


@contextmanager
def _twisteds_own_warnings() -> Iterator[None]:
    """Twisted's TLS still hands certificates to pyOpenSSL in a way that the latter calls deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Passing pyOpenSSL", DeprecationWarning)
        yield


async def eventually(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait until `holds`, as the reactor goes on."""

    async def look() -> bool:
        return holds()

    await until(reactor, look, seconds, what)

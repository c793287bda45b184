"""The deployed reconcile function as a process, and the event sources of `knative/60-events.yaml` that feed it."""

from collections.abc import Mapping
from typing import Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from aegis_reconcile.events import TICK
from servers.control_plane import ControlPlane
from servers.deployment import deployed, function_process
from servers.gate import Gate
from servers.knative_sources import ApiServerSource, PingSources, install_source_crds
from servers.processes import free_port
from support.api_server import ApiServer
from support.event_sink import Event
from support.secret_search import search

READY_SECONDS = 30.0
OFTEN = "*/2 * * * * *"


class ReconcileProcess:
    """`with ReconcileProcess(cluster) as function:` runs it, and it hears what a test tells it."""

    def __init__(self, cluster: ApiServer, server: str | None = None, **variables: str) -> None:
        """It says all that it can say. `server` is a detour to the API server, `variables` are of its environment."""
        port = free_port()
        self.cluster = cluster
        self.url = f"http://127.0.0.1:{port}"
        here = {"HOST": "127.0.0.1", "PORT": str(port), "AEGIS_LOG_LEVEL": "debug", **variables}
        self.process = function_process(cluster, "aegis-reconcile", server, **here)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
        search("the reconcile function", self.process.log.read_text(errors="replace"))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process.start()
        self.process.wait_until(self._healthy, READY_SECONDS)

    def tick(self) -> int:
        """Has it look at everything, as the PingSource does each minute; its status, once it is done."""
        event = {"ce-specversion": "1.0", "ce-id": "tick", "ce-source": "/test", "ce-type": TICK}
        return self.post(event, b"{}")

    def post(self, headers: Mapping[str, str], body: bytes) -> int:
        """The status of its answer to a request; 502 if there is none."""
        try:
            with urlopen(Request(self.url, body, dict(headers), method="POST"), timeout=60) as answer:
                return int(answer.status)
        except HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 502

    def _healthy(self) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class ReconcileFunction(ReconcileProcess):
    """The same, fed by event sources. It reaches the API server through `gate`."""

    def __init__(self, cluster: ControlPlane) -> None:
        install_source_crds(cluster)
        self.gate = Gate(cluster.port)
        super().__init__(cluster, self.gate.url)
        self._cluster = cluster
        (self._source,), (self._tick,) = deployed("ApiServerSource"), deployed("PingSource")

    def __enter__(self) -> Self:
        self.gate.__enter__()
        try:
            return super().__enter__()
        except BaseException:
            self.gate.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.gate.__exit__()

    def source(self, sink: str | None = None, server: str | None = None) -> ApiServerSource:
        """The deployed ApiServerSource. `sink` stands before the function, `server` before the API server."""
        return ApiServerSource(self._cluster, self._source, sink or self.url, server)

    def tick_often(self, pings: PingSources, sink: str | None = None) -> None:
        """The deployed PingSource, every two seconds."""
        pings.schedule({**self._tick, "spec": {**self._tick["spec"], "schedule": OFTEN}}, sink or self.url)

    def deliver(self, event: Event) -> int:
        """Passes an event on as it came; the function's status."""
        headers = {name: value for name, value in event.headers.items() if name not in ("host", "content-length")}
        return self.post(headers, event.body)

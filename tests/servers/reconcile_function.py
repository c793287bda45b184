"""The deployed reconcile function as a process, and the event sources of `knative/60-events.yaml` that feed it."""

from urllib.error import HTTPError
from urllib.request import Request, urlopen

from servers.control_plane import ControlPlane
from servers.deployment import deployed, function_process
from servers.gate import Gate
from servers.knative_sources import ApiServerSource, PingSources, install_source_crds
from servers.processes import free_port
from support.event_sink import Event

READY_SECONDS = 30.0
OFTEN = "*/2 * * * * *"


class ReconcileFunction:
    """`with ReconcileFunction(cluster) as function:` runs it. It reaches the API server through `gate`."""

    def __init__(self, cluster: ControlPlane) -> None:
        install_source_crds(cluster)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.gate = Gate(cluster.port)
        self._cluster = cluster
        (self._source,), (self._tick,) = deployed("ApiServerSource"), deployed("PingSource")
        self.process = function_process(cluster, "aegis-reconcile", self.gate.url, HOST="127.0.0.1", PORT=str(port))

    def __enter__(self) -> "ReconcileFunction":
        self.gate.__enter__()
        try:
            self.start()
        except BaseException:
            self.gate.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
        self.gate.__exit__()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process.start()
        self.process.wait_until(self._healthy, READY_SECONDS)

    def source(self, sink: str | None = None, server: str | None = None) -> ApiServerSource:
        """The deployed ApiServerSource. `sink` stands before the function, `server` before the API server."""
        return ApiServerSource(self._cluster, self._source, sink or self.url, server)

    def tick_often(self, pings: PingSources, sink: str | None = None) -> None:
        """The deployed PingSource, every two seconds."""
        pings.schedule({**self._tick, "spec": {**self._tick["spec"], "schedule": OFTEN}}, sink or self.url)

    def deliver(self, event: Event) -> int:
        """Passes an event on as it came; the function's status."""
        headers = {name: value for name, value in event.headers.items() if name not in ("host", "content-length")}
        try:
            with urlopen(Request(self.url, event.body, headers, method="POST"), timeout=30) as answer:
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

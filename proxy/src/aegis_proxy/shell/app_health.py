"""The app's own probes: the kubelet asks the admin port, and the proxy asks the app on loopback, past policy.

Kubelets carry no token; without this, a pod under default deny would never be ready.
"""

from twisted.internet.defer import Deferred

from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.response import Response
from aegis_proxy.probes import Probe
from aegis_proxy.shell.upstream import UpstreamConnection, UpstreamPool


class _Asking:
    """Asks one probe (upstream.Exchange) and takes only the status of what comes back."""

    def __init__(self) -> None:
        self.status: Deferred[int] = Deferred()
        self._upstream: UpstreamConnection | None = None
        self._response: Response | None = None

    def start(self, upstream: UpstreamConnection, probe: Probe) -> None:
        self._upstream = upstream
        lines = [f"GET {probe.path} HTTP/1.1"]
        names = {name.lower() for name, _ in probe.headers}
        lines += [] if "host" in names else [f"Host: 127.0.0.1:{probe.port}"]
        lines += [f"{name}: {value}" for name, value in probe.headers]
        upstream.start(self, b"GET", "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))

    def interim(self, response: Response) -> None:
        """Not of interest."""

    def respond(self, response: Response, payload: bytes, done: bool) -> None:
        self._end(response.status)

    def more(self, payload: bytes, done: bool) -> None:
        """Not of interest."""

    def broken(self, refused: Refused, unanswered: bool) -> None:
        self._upstream = None
        self._end(502)

    def pause_sending(self) -> None:
        """One small request never fills a buffer."""

    def resume_sending(self) -> None:
        """See pause_sending."""

    def _end(self, status: int) -> None:
        if self._upstream is not None:
            self._upstream.abandon()
            self._upstream = None
        if not self.status.called:
            self.status.callback(status)


async def ask_app(pool: UpstreamPool, probe: Probe, timeout: float) -> int:
    """The status with which the app answers a probe; 502 where it does not answer, 504 after `timeout` seconds."""
    try:
        upstream = await pool.connect(("127.0.0.1", probe.port))
    except Refused:
        return 502
    asking = _Asking()
    patience = pool.reactor.callLater(timeout, asking._end, 504)
    asking.start(upstream, probe)
    status = await asking.status
    if patience.active():
        patience.cancel()
    return status

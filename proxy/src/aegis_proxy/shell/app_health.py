"""The app's own probes: the kubelet asks the admin port, and the proxy asks the app on loopback, past policy.

Kubelets carry no token; without this, a pod under default deny would never be ready.
"""

from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.python.failure import Failure

from aegis_proxy.core.fields import egress_role
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.head import take_head
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import parse_request
from aegis_proxy.core.response import STATUS_LINE, Response, parse_response
from aegis_proxy.probes import Probe, Scheme
from aegis_proxy.shell.transport import TcpProtocol
from aegis_proxy.shell.upstream import UpstreamConnection, UpstreamPool

# By what the answer is parsed; what is sent is the probe's own head.
_GET = parse_request(b"GET / HTTP/1.1\r\nHost: app", egress_role, canonical=False)


def _request(probe: Probe) -> bytes:
    lines = [f"GET {probe.path} HTTP/1.1"]
    names = {name.lower() for name, _ in probe.headers}
    lines += [] if "host" in names else [f"Host: 127.0.0.1:{probe.port}"]
    lines += [f"{name}: {value}" for name, value in probe.headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


class _Asked(Interface):
    """A probe under way; `end` fires `status`, once."""

    status: Deferred[int]

    def end(self, status: int) -> None: ...


class _Asking:
    """Asks one probe (calls.Caller) and takes only the status of what comes back."""

    def __init__(self) -> None:
        self.status: Deferred[int] = Deferred()
        self._upstream: UpstreamConnection | None = None
        self._response: Response | None = None

    def start(self, upstream: UpstreamConnection, probe: Probe) -> None:
        self._upstream = upstream
        upstream.start(self, _GET, _request(probe), ended=True)

    def interim(self, response: Response) -> None:
        """Not of interest."""

    def respond(self, response: Response, payload: bytes, done: bool) -> None:
        self.end(response.status)

    def more(self, payload: bytes, done: bool) -> None:
        """Not of interest."""

    def trailers(self, fields: Fields) -> None:
        """HTTP/1.1 is asked for."""

    def switch(self, response: Response, payload: bytes) -> None:
        """A probe asks for no upgrade."""

    def broken(self, refused: Refused, unanswered: bool) -> None:
        self._upstream = None
        self.end(502)

    def pause_sending(self) -> None:
        """One small request never fills a buffer."""

    def resume_sending(self) -> None:
        """See pause_sending."""

    def end(self, status: int) -> None:
        if self._upstream is not None:
            self._upstream.abandon()
            self._upstream = None
        if not self.status.called:
            self.status.callback(status)


async def ask_app(pool: UpstreamPool, probe: Probe, patience: float) -> int:
    """The status with which the app answers a probe; 502 where it does not answer, 504 after `patience` seconds.

    TCP probes ask whether the app accepts a connection: 200. gRPC probes get 503 for whatever is not SERVING.
    """
    asking: _Asked
    if probe.scheme is Scheme.HTTPS:
        # Only apps that speak TLS make the sidecar load it.
        from twisted.internet.ssl import CertificateOptions
        from twisted.protocols.tls import TLSMemoryBIOFactory

        # As the kubelet does: an app's own certificate is rarely one that anybody vouches for.
        asking = _TlsAsking(probe)
        factory = TLSMemoryBIOFactory(CertificateOptions(verify=False), True, asking)
        pool.reactor.connectTCP("127.0.0.1", probe.port, factory, patience)
    else:
        try:
            upstream = await pool.connect(("127.0.0.1", probe.port))
        except Refused:
            return 502
        if probe.scheme is Scheme.TCP:
            upstream.abandon()
            return 200
        if probe.scheme is Scheme.GRPC:
            from aegis_proxy.shell.grpc_health import GrpcAsking  # only apps that speak gRPC make the sidecar load it

            asking = called = GrpcAsking(pool.reactor.seconds)
            called.start(upstream, probe)
        else:
            asking = plain = _Asking()
            plain.start(upstream, probe)
    ending = pool.reactor.callLater(patience, asking.end, 504)
    status = await asking.status
    if ending.active():
        ending.cancel()
    return status


class _TlsAsking(ClientFactory):
    noisy = False

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.status: Deferred[int] = Deferred()

    def buildProtocol(self, addr: IAddress | None) -> "_TlsConnection":
        return _TlsConnection(self)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self.end(502)

    def end(self, status: int) -> None:
        if not self.status.called:
            self.status.callback(status)


class _TlsConnection(TcpProtocol):
    def __init__(self, asking: _TlsAsking) -> None:
        self._asking = asking
        self._buffer = b""

    def connectionMade(self) -> None:
        self.transport.write(_request(self._asking.probe))

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        try:
            split = take_head(self._buffer, STATUS_LINE)
            if split is None:
                return
            self._asking.end(parse_response(split[0], b"GET").status)
        except Refused:
            self._asking.end(502)
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._asking.end(502)

"""A gRPC probe: the health check that the kubelet would make. Imported when the first one is asked for."""

from collections.abc import Callable

from twisted.internet.defer import Deferred

from aegis_proxy.core import grpc_health
from aegis_proxy.core.fields import egress_role
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import parse_request
from aegis_proxy.core.response import Response
from aegis_proxy.probes import Probe
from aegis_proxy.shell.h2_link import Batch
from aegis_proxy.shell.h2_upstream import H2Call, H2UpstreamConnection
from aegis_proxy.shell.upstream import UpstreamConnection


class GrpcAsking:
    """Asks one probe (calls.Caller). `status` fires with 200 for SERVING, 503 for any other answer, 502 for none."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.status: Deferred[int] = Deferred()
        self._connection = H2UpstreamConnection(Batch(), clock, lambda _: None)
        self._response: Response | None = None
        self._body = b""

    def start(self, upstream: UpstreamConnection, probe: Probe) -> None:
        head = (
            b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/grpc\r\nTE: trailers\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" % (grpc_health.PATH, probe.port)
        )

        def ask(speaks: bool) -> None:
            if not speaks or not self._connection.has_room:
                self.end(502)
                return
            call = H2Call(self._connection)
            call.start(self, parse_request(head[:-4], egress_role, canonical=False), head, ended=False)
            call.send(grpc_health.request(probe.service), ended=True)

        self._connection.ready.addCallback(ask)
        self._connection.take_over(upstream)

    def interim(self, response: Response) -> None:
        """Not of interest."""

    def switch(self, response: Response, payload: bytes) -> None:
        """HTTP/2 has no upgrades."""

    def respond(self, response: Response, payload: bytes, done: bool) -> None:
        self._response = response
        if done:
            self.end(503)

    def more(self, payload: bytes, done: bool) -> None:
        self._body += payload
        if done or len(self._body) > grpc_health.LONGEST_ANSWER:
            self.end(503)

    def trailers(self, fields: Fields) -> None:
        good = (b"grpc-status", b"0") in fields and self._response is not None and self._response.status == 200
        self.end(200 if good and grpc_health.is_serving(self._body) else 503)

    def broken(self, refused: Refused, unanswered: bool) -> None:
        self.end(502)

    def pause_sending(self) -> None:
        """One small request never fills a window that is open at all."""

    def resume_sending(self) -> None:
        """See pause_sending."""

    def end(self, status: int) -> None:
        if not self.status.called:
            self.status.callback(status)
            self._connection.abort()

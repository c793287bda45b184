"""The accepted side of HTTP/1.1, for both directions: takes requests off a connection, one after the other.

What relays each of them is an `Exchange`.
"""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from zope.interface import implementer

from aegis_proxy.core.h2_frames import PREFACE
from aegis_proxy.core.pace import Pace
from aegis_proxy.core.refusals import BAD_VERSION, Refused
from aegis_proxy.core.request import Body, Request
from aegis_proxy.shell.calls import Call
from aegis_proxy.shell.ending import EndingConnection
from aegis_proxy.shell.exchange import Exchange, Route
from aegis_proxy.shell.tunnel import Kind, Opened
from aegis_proxy.shell.upstream import UpstreamConnection

_HELD = 64 * 1024


@implementer(IHalfCloseableProtocol)
class ServerConnection(EndingConnection):
    """Takes requests while it goes on; see `EndingConnection` for the rest."""

    _taking = False

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._server.connections.add(self)

    # --- what the client sends

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            self._discard(data)
            return
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        if self._exchange is None:
            self._take_requests(data)
        elif self._exchange.accepts_body:
            self._take_body(self._exchange, data)
        else:
            self._hold(data)

    def _hold(self, data: bytes) -> None:
        """Keeps what cannot be used yet; the client waits once it is much."""
        self._buffer = data
        if len(data) >= _HELD and self._exchange is not None:
            self.pause_reading()

    def _take_requests(self, data: bytes) -> None:
        self._taking = True
        while data and self._exchange is None and not self._closing and not self._full:
            if not self._began:
                if data == b"\r":
                    break
                self._began = self._server.clock()
                self.deadline = self._began + self._server.deadlines.head
                if data[:1] == b"\r":  # RFC 9112 section 2.2: one empty line before a request is ignored
                    data = data.removeprefix(b"\r\n")
                    self._first = False
                    continue
            try:
                taken = self._server.reader.take(data)
                if taken is None:
                    break
            except Refused as refused:
                self._taking = False
                if refused.refusal is not BAD_VERSION or not self._begins_http2(data):
                    self.refuse(refused)
                return
            request, self._buffer = taken
            self._begin(request)
            data, self._buffer = self._buffer, b""
        self._taking = False
        if data and not self._closing:
            self._hold(data)

    def _begins_http2(self, data: bytes) -> bool:
        """Whether these bytes are the preface of HTTP/2, or begin it; a whole one hands the connection over."""
        if not self._first or not (data.startswith(PREFACE) or PREFACE.startswith(data)):
            return False
        if len(data) < len(PREFACE):
            self._hold(data)
        else:
            from aegis_proxy.shell.h2_server import H2ServerConnection  # who only speaks HTTP/1.1 never loads it

            self._server.connections.discard(self)
            connection = H2ServerConnection(self._server, self.peer, self.original)
            connection.take_over(self.transport, data[len(PREFACE) :])
        return True

    def _begin(self, request: Request) -> None:
        self._first = False
        self._pace = None
        exchange = Exchange(self, self._server.pool, request, self._began)
        exchange.last = exchange.last or self._server.draining
        self._exchange = exchange
        self.deadline = self._began + self._server.deadlines.exchange
        try:
            exchange.go(self._side.route(request, self))
        except Refused as refused:
            self.refuse(refused)

    def _take_body(self, exchange: Exchange, data: bytes) -> None:
        if self._pace is not None:
            self._pace.moved(len(data))
        self.progress()
        try:
            rest = exchange.feed(data)
        except Refused as refused:
            self._give_up(exchange, refused)
            return
        if self._pace is not None and exchange.sent_all:
            self._pace = None
            self.progress()
        if rest:
            self._hold(rest)

    # --- what an exchange asks for (exchange.Client)

    def dial(self, request: Request, route: Route, *, fresh: bool) -> "Call | Deferred[Call]":
        return self._server.dial(request, route, fresh=fresh)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def proceed(self) -> None:
        self.resume_reading()
        data, self._buffer = self._buffer, b""
        if data and self._exchange is not None:
            self._take_body(self._exchange, data)
        if self._exchange is not None and not self._exchange.sent_all:
            self._keep_pace(self._exchange)
        if self._half_closed:
            self._ended()

    def _keep_pace(self, exchange: Exchange) -> None:
        """A body in chunks is a stream, whose sender may pause; of one with a length, all is there to be sent."""
        deadlines = self._server.deadlines
        if deadlines.body_rate and exchange.request.body is Body.LENGTH:
            self._pace = Pace(self._server.clock(), deadlines.body_grace, deadlines.body_rate)
            self.progress()

    def finished(self) -> None:
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        now = self._server.clock()
        self._server.records.answered(self._side.direction, exchange, self.peer, now)
        if exchange.last:
            self._close()
        else:
            self._next(now)

    def _next(self, now: float) -> None:
        self._began = 0.0
        self.deadline = now + self._server.deadlines.idle
        if not self._taking:
            self._go_on()

    def _go_on(self) -> None:
        """Takes what has been held meanwhile, unless the client should first read what it was answered."""
        if self._full:
            self.pause_reading()
            return
        if self._paused:
            self.resume_reading()
        if self._buffer:
            data, self._buffer = self._buffer, b""
            self._take_requests(data)
        if self._half_closed:
            self._ended()

    def tunnel(self, head: bytes, upstream: UpstreamConnection, payload: bytes) -> None:
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        self._server.connections.discard(self)
        self.transport.unregisterProducer()
        self.transport.write(head)
        kind = Kind.UPGRADE if exchange.response else Kind.CONNECT
        opened = Opened(kind, self.peer, exchange.began, exchange)
        tunnel = self._server.open_tunnel(opened, self.transport, upstream)
        held, self._buffer = self._buffer, b""
        tunnel.open(held, payload, client_finished=self._half_closed)
        if self._server.draining:
            tunnel.drain()

    # --- the transport

    # twisted.internet.interfaces.IPushProducer: our send buffer towards the client filled up, or drained
    def pauseProducing(self) -> None:
        self._full = True
        if self._exchange is not None:
            self._exchange.pause_receiving()
        else:
            self.pause_reading()

    def resumeProducing(self) -> None:
        self._full = False
        if self._exchange is not None:
            self._exchange.resume_receiving()
        elif not self._taking:
            self._go_on()

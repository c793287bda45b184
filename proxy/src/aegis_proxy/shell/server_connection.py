"""The accepted side of HTTP/1.1, for both directions: takes requests off a connection, one after the other.

What relays each of them is an `Exchange`.
"""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from aegis_proxy.core.h2_frames import PREFACE
from aegis_proxy.core.pace import Pace
from aegis_proxy.core.refusals import BAD_BODY, BAD_REQUEST, BAD_VERSION, REQUEST_TIMEOUT, Refused, answer
from aegis_proxy.core.request import Body, Request
from aegis_proxy.shell.calls import Call
from aegis_proxy.shell.client_end import ClientEnd
from aegis_proxy.shell.crowd import INFINITE
from aegis_proxy.shell.exchange import Exchange, Route
from aegis_proxy.shell.server import Server
from aegis_proxy.shell.tunnel import Kind, Opened
from aegis_proxy.shell.upstream import Address, UpstreamConnection

_HELD = 64 * 1024


@implementer(IHalfCloseableProtocol)
class ServerConnection(ClientEnd):
    """One client connection. `original` is where it was bound for before it was redirected, if it was."""

    def __init__(self, server: Server, peer: bytes, original: Address | None = None) -> None:
        super().__init__(server, server.clock() + server.deadlines.head)
        self._side = server.side
        self.peer = peer
        self.original = original
        self._began = 0.0  # when the first byte of the request came; 0.0 before it
        self._exchange: Exchange | None = None
        self._first = True  # nothing has come yet: HTTP/2 may begin
        self._taking = False
        self._full = False  # the client does not read what was written to it

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

    def _give_up(self, exchange: Exchange, refused: Refused) -> None:
        """The request's body is no good; within a response that has begun there is no place for an answer."""
        if exchange.response is None:
            self.refuse(refused)
        else:
            self.abort(refused.detail)

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
        tunnel.open(self._buffer, payload, client_finished=self._half_closed)
        if self._server.draining:
            tunnel.drain()

    def refuse(self, refused: Refused) -> None:
        """Answers a refusal; the connection stays open where its framing is known and the whole request was read."""
        exchange, self._exchange = self._exchange, None
        request = exchange.request if exchange else None
        close = refused.refusal.closes or exchange is None or exchange.last or self._server.draining
        if exchange is not None:
            exchange.abandon()
            if not exchange.sent_all and not close:
                close = not self._swallow(exchange)
        decision = self._server.records.refused(
            self._side.direction, refused, request, self.peer, exchange.route if exchange else None
        )
        head_only = request is not None and request.method == b"HEAD"
        self.transport.write(answer(refused.refusal, decision, close=close, head_only=head_only))
        if close:
            self._close()
        else:
            self._next(self._server.clock())

    def _swallow(self, exchange: Exchange) -> bool:
        """Takes the body of a refused request off the buffer, if it is all there and nobody waits to send it."""
        if exchange.request.expects_continue:
            return False
        try:
            self._buffer = exchange.feed(self._buffer)
        except Refused:
            return False
        return exchange.sent_all

    def fail(self, failure: Failure) -> None:
        self._server.records.defect(failure)
        self._drop()

    def abort(self, why: str) -> None:
        route = self._exchange.route if self._exchange else None
        self._server.records.aborted(self._side.direction, why, route)
        self._drop()

    @property
    def under_way(self) -> Exchange | None:
        return self._exchange

    def revoke(self, refused: Refused) -> None:
        if self._exchange is not None and self._exchange.response is None:
            self.refuse(refused)
        else:
            self.abort(f"refused by now: {refused.reason}")

    def _drop(self) -> None:
        exchange, self._exchange = self._exchange, None
        self._closing = True
        if exchange is not None:
            exchange.abandon()
        self.transport.abortConnection()

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

    def drain(self) -> None:
        """Lets the connection end with its present exchange."""
        if self._exchange is not None:
            self._exchange.last = True
        elif not self._began and not self._closing:
            self.close_idle()

    @property
    def idle_since(self) -> float:
        """Also of one whose request head is not whole yet: who has a request to send, sends it at once."""
        if self._exchange is not None or self._closing:
            return INFINITE
        deadlines = self._server.deadlines
        return self._began or self.deadline - (deadlines.head if self._first else deadlines.idle)

    def evict(self) -> None:
        if self._began:
            self.refuse(Refused(REQUEST_TIMEOUT, "no whole request head, and its place was needed"))
            self.transport.loseConnection()
        else:
            self.close_idle()
        self.deadline = self._server.clock() + self._server.deadlines.drain

    def readConnectionLost(self) -> None:
        """The client sends no more. It may still wait for answers to whole requests."""
        self._half_closed = True
        if self._closing:
            self.transport.loseConnection()
        elif self._exchange is None and self._full:
            return  # there may be whole requests in what is held
        else:
            self._ended()

    def _ended(self) -> None:
        """No more will come than what is held: what is not whole by now never will be."""
        exchange = self._exchange
        if self._closing:
            return
        if exchange is not None:
            if exchange.accepts_body:
                self._give_up(exchange, Refused(BAD_BODY, "the connection ended before the body"))
        elif self._began:
            self.refuse(Refused(BAD_REQUEST, "the connection ended before the request head"))
        else:
            self._close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._server.connections.discard(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()
            self._server.records.aborted(self._side.direction, "the client went away", exchange.route)

    def out_of_patience(self) -> None:
        """The deadline has passed."""
        if self._closing and self._written:
            self.transport.loseConnection()
        elif self._closing:
            self.transport.abortConnection()
        elif self._exchange is not None:
            self._exchange.timed_out()
        elif self._began:
            self.refuse(Refused(REQUEST_TIMEOUT, "no whole request head within the deadline"))
        else:
            self.close_idle()

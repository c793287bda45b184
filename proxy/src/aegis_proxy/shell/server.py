"""The accepted side of HTTP/1.1, for both directions: takes requests off a connection, one after the other.

What judges is a `Side` (`ingress` or `egress`): it turns a request into a `Route`, or refuses. What relays is an
`Exchange`.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from typing import Protocol as Interface

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from aegis_proxy.core.h2_frames import PREFACE
from aegis_proxy.core.head import take_head
from aegis_proxy.core.refusals import (
    BAD_BODY,
    BAD_REQUEST,
    BAD_VERSION,
    REQUEST_TIMEOUT,
    UPGRADE_REFUSED,
    Refused,
    answer,
)
from aegis_proxy.core.request import START_LINE, Request, parse_request
from aegis_proxy.settings import UpstreamProtocol
from aegis_proxy.shell.calls import Call
from aegis_proxy.shell.exchange import Exchange, Judged, Route
from aegis_proxy.shell.records import Records
from aegis_proxy.shell.transport import TcpProtocol, Transport
from aegis_proxy.shell.tunnel import Kind, Opened, Tunnel
from aegis_proxy.shell.upstream import Address, UpstreamConnection, UpstreamPool

if TYPE_CHECKING:
    from aegis_proxy.shell.upstreams import Upstreams

_HELD = 64 * 1024
_DRAIN = 64 * 1024


class Deadlines(NamedTuple):
    """Seconds: for a whole request head, between requests, without progress in an exchange, to drain a refusal, and
    without progress in a tunnel.
    """

    head: float = 10.0
    idle: float = 300.0
    exchange: float = 300.0
    drain: float = 1.0
    tunnel: float = 3600.0


class Connected(Interface):
    """The connection that a request came on. `original` is where it was bound for before it was redirected."""

    peer: bytes
    original: Address | None
    transport: Transport


class Side(Interface):
    """One direction of the proxy. `canonical` and `role_of` are what `parse_request` takes."""

    @property
    def direction(self) -> str: ...

    @property
    def canonical(self) -> bool: ...

    @property
    def role_of(self) -> Callable[[bytes], int]: ...

    def route(self, request: Request, connection: Connected) -> "Route | Deferred[Route]":
        """Judges a request. Raises, or fails with, Refused."""


class Accepted(Interface):
    """A connection of a listener, in whatever state. `deadline` is when its patience ends, on the monotonic clock."""

    @property
    def deadline(self) -> float: ...

    @property
    def under_way(self) -> Judged | None:
        """The request that goes on, or that a tunnel was opened for; None if there is none."""

    def revoke(self, refused: Refused) -> None:
        """Ends what is under way: it would be refused by now."""

    def drain(self) -> None:
        """Lets the connection end with what is under way."""

    def out_of_patience(self) -> None:
        """The deadline has passed."""

    def cut(self) -> None:
        """Ends it in the middle of whatever it does."""


@implementer(IHalfCloseableProtocol)
class ServerConnection(TcpProtocol):
    """One client connection. `original` is where it was bound for before it was redirected, if it was."""

    def __init__(self, server: "Server", peer: bytes, original: Address | None = None) -> None:
        self._server = server
        self._side = server.side
        self.peer = peer
        self.original = original
        self.deadline = server.clock() + server.deadlines.head
        self._buffer = b""
        self._began = 0.0  # when the first byte of the request came; 0.0 before it
        self._exchange: Exchange | None = None
        self._first = True  # nothing has come yet: HTTP/2 may begin
        self._taking = False
        self._paused = False
        self._full = False  # the client does not read what was written to it
        self._closing = False
        self._written = False
        self._drained = 0
        self._half_closed = False

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._server.connections.add(self)

    # --- what the client sends

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            self._drained += len(data)
            if self._drained > _DRAIN:
                self.transport.abortConnection()
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
        if len(data) > _HELD and self._exchange is not None:
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
                split = take_head(data, START_LINE)
                if split is None:
                    break
                request = parse_request(split[0], self._side.role_of, canonical=self._side.canonical)
            except Refused as refused:
                self._taking = False
                if refused.refusal is not BAD_VERSION or not self._begins_http2(data):
                    self.refuse(refused)
                return
            self._buffer = split[1]
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
        exchange = Exchange(self, self._server.pool, request, self._began)
        exchange.last = exchange.last or self._server.draining
        self._exchange = exchange
        self.deadline = self._began + self._server.deadlines.exchange
        try:
            exchange.go(self._side.route(request, self))
        except Refused as refused:
            self.refuse(refused)

    def _take_body(self, exchange: Exchange, data: bytes) -> None:
        self.progress()
        try:
            rest = exchange.feed(data)
        except Refused as refused:
            self._give_up(exchange, refused)
            return
        if rest:
            self._hold(rest)

    def _give_up(self, exchange: Exchange, refused: Refused) -> None:
        """The request's body is no good; within a response that has begun there is no place for an answer."""
        if exchange.response is None:
            self.refuse(refused)
        else:
            self.abort(refused.detail)

    # --- what an exchange asks for (exchange.Client)

    def dial(self, request: Request, address: Address) -> "Call | Deferred[Call]":
        return self._server.dial(request, address)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def progress(self) -> None:
        self.deadline = self._server.clock() + self._server.deadlines.exchange

    def proceed(self) -> None:
        self.resume_reading()
        data, self._buffer = self._buffer, b""
        if data and self._exchange is not None:
            self._take_body(self._exchange, data)
        if self._half_closed:
            self._ended()

    def finished(self) -> None:
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        self._server.records.answered(self._side.direction, exchange, self.peer, self._server.clock())
        if exchange.last:
            self._close()
        else:
            self._next()

    def _next(self) -> None:
        self._began = 0.0
        self.deadline = self._server.clock() + self._server.deadlines.idle
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
        decision = self._server.records.refused(self._side.direction, refused, request, self.peer)
        head_only = request is not None and request.method == b"HEAD"
        self.transport.write(answer(refused.refusal, decision, close=close, head_only=head_only))
        if close:
            self._close()
        else:
            self._next()

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
        self._server.records.aborted(self._side.direction, why)
        self._drop()

    @property
    def under_way(self) -> Exchange | None:
        return self._exchange

    def revoke(self, refused: Refused) -> None:
        if self._exchange is not None and self._exchange.response is None:
            self.refuse(refused)
        else:
            self.abort(f"refused by now: {refused.reason}")

    def cut(self) -> None:
        self.transport.abortConnection()

    def _drop(self) -> None:
        exchange, self._exchange = self._exchange, None
        self._closing = True
        if exchange is not None:
            exchange.abandon()
        self.transport.abortConnection()

    # --- the transport

    def pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            self.transport.resumeProducing()

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

    def stopProducing(self) -> None:
        """The connection is lost, of which `connectionLost` tells."""

    def _close(self) -> None:
        """Says that no more will come, and reads on for a moment: a close at once could destroy what was written."""
        self._closing = True
        self._buffer = b""
        self.deadline = self._server.clock() + self._server.deadlines.exchange
        self.transport.unregisterProducer()
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()
        if self._half_closed:
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def drain(self) -> None:
        """Lets the connection end with its present exchange."""
        if self._exchange is not None:
            self._exchange.last = True
        elif not self._began and not self._closing:
            self.close_idle()

    def close_idle(self) -> None:
        self._closing = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """All is written, and our side closed, as `_close` asked."""
        self._written = True
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
            self._server.records.aborted(self._side.direction, "the client went away")

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


class Server(Factory):
    """The connections of one listener, and what they share."""

    noisy = False

    def __init__(
        self,
        side: Side,
        pool: UpstreamPool,
        records: Records,
        clock: Callable[[], float],
        deadlines: Deadlines,
        protocol: UpstreamProtocol = UpstreamProtocol.AUTO,
    ) -> None:
        self.side = side
        self.pool = pool
        self.records = records
        self.clock = clock
        self.deadlines = deadlines
        self.connections: set[Accepted] = set()
        self.draining = False
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> ServerConnection:
        return self.connection(str(getattr(addr, "host", "")).encode())

    def connection(self, peer: bytes, original: Address | None = None) -> ServerConnection:
        return ServerConnection(self, peer, original)

    def open_tunnel(self, opened: Opened, client: Transport, upstream: UpstreamConnection) -> Tunnel:
        tunnel = Tunnel(self, opened, client, upstream)
        self.connections.add(tunnel)
        return tunnel

    def dial(self, request: Request, address: Address) -> "Call | Deferred[Call]":
        """For a request that came by HTTP/1.1 and found no idle connection. Fails with Refused."""
        if self._protocol is UpstreamProtocol.HTTP1 or not (
            self._protocol is UpstreamProtocol.H2C or self.pool.speaks_http2(address)
        ):
            fresh: Deferred[Any] = self.pool.connect(address)  # Deferred is invariant
            return fresh
        if request.upgrade:
            return fail(Refused(UPGRADE_REFUSED, "an upgrade, to an upstream that speaks HTTP/2 alone"))
        return self.upstreams.call(address)

    @cached_property
    def upstreams(self) -> "Upstreams":
        """For requests that come, or go on, by HTTP/2."""
        from aegis_proxy.shell.upstreams import Upstreams  # who only speaks HTTP/1.1 never loads it

        return Upstreams(self.pool, self.clock, self._protocol)

    # --- what a tunnel asks for (tunnel.Host)

    def moved(self, tunnel: Tunnel) -> None:
        tunnel.deadline = self.clock() + self.deadlines.tunnel

    def closing(self, tunnel: Tunnel) -> None:
        tunnel.deadline = self.clock() + self.deadlines.drain

    def ended(self, tunnel: Tunnel) -> None:
        self.connections.discard(tunnel)
        self.records.tunnelled(self.side.direction, tunnel, self.clock())

    def sweep(self) -> None:
        """Ends what has waited too long; called about once a second."""
        now = self.clock()
        for connection in [each for each in self.connections if each.deadline < now]:
            connection.out_of_patience()
        if "upstreams" in self.__dict__:
            self.upstreams.sweep()

    def drain(self) -> None:
        """Lets no connection outlive its present exchange."""
        self.draining = True
        for connection in list(self.connections):
            connection.drain()

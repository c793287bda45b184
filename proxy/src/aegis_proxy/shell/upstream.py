"""Connections to the app, or to the destinations of the app: pooled, one exchange at a time, judged as strictly as
those that come in.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from aegis_proxy.core.framing import LAST_CHUNK, Decoder, LengthDecoder, UntilCloseDecoder, chunk
from aegis_proxy.core.h2_frames import begins_with_settings
from aegis_proxy.core.head import take_head
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.core.request import Body, Request
from aegis_proxy.core.response import STATUS_LINE, parse_response
from aegis_proxy.shell.calls import Caller
from aegis_proxy.shell.reach import Reach
from aegis_proxy.shell.transport import Dial, TcpProtocol, Transport

Address = tuple[str, int]

_MAX_INTERIM = 8
_NO_BODY = LengthDecoder(0)
# For how many sweeps, which are about as many seconds, a connection is kept that nobody needs.
_IDLE = 60
# Of how many upstreams we know that they speak HTTP/2 alone.
_REMEMBERED = 1024


class _Http2Alone(Refused):
    pass


class UpstreamConnection(TcpProtocol):
    """One connection, which serves one call at a time (calls.Call). `reused`: it has answered before, so the other side
    may have closed it meanwhile.
    """

    def __init__(self, pool: "UpstreamPool", address: Address, made: "Deferred[UpstreamConnection]") -> None:
        self._pool = pool
        self._made: Deferred[UpstreamConnection] | None = made
        self.address = address
        self.endpoint: Address | None = None  # our side of it
        self.reused = False
        self.kept_at = 0  # in the sweeps of its pool
        self._caller: Caller | None = None
        self._method = b""
        self._upgrade = b""
        self._chunked = False
        self._buffer = b""
        self._interim = 0
        self._keep_alive = False
        self._paused = False
        self._decoder: Decoder | None = None

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        made, self._made = self._made, None
        assert made is not None
        made.callback(self)

    def start(self, caller: Caller, request: Request, head: bytes, *, ended: bool) -> None:
        self._caller = caller
        self._method = request.method
        self._upgrade = request.upgrade
        self._chunked = request.body is Body.CHUNKED
        self._decoder = None
        self._interim = 0
        self.transport.write(head + LAST_CHUNK if ended and self._chunked else head)

    def send(self, payload: bytes, *, ended: bool) -> None:
        if self._chunked:
            payload = (chunk(payload) if payload else b"") + (LAST_CHUNK if ended else b"")
        if payload:
            self.transport.write(payload)

    def pause_receiving(self) -> None:
        self._paused = True
        self.transport.pauseProducing()

    def resume_receiving(self) -> None:
        self._paused = False
        self.transport.resumeProducing()

    def release(self, *, complete: bool) -> None:
        self._caller = None
        if self._paused:
            self.resume_receiving()
        if complete and self._keep_alive and not self._buffer:
            self.reused = True
            self._pool.keep(self)
        else:
            self.abandon()

    def hand_over(self) -> Transport:
        """Gives the transport to another protocol, which calls `gone` when it is lost."""
        self._caller = None
        self.transport.unregisterProducer()
        if self._paused:
            self.resume_receiving()
        return self.transport

    def gone(self) -> None:
        self._pool.forget(self)

    def abandon(self) -> None:
        self._caller = None
        self.transport.unregisterProducer()
        self.transport.abortConnection()

    # twisted.internet.interfaces.IPushProducer: the transport's own send buffer filled up, or drained
    def pauseProducing(self) -> None:
        if self._caller is not None:
            self._caller.pause_sending()

    def resumeProducing(self) -> None:
        if self._caller is not None:
            self._caller.resume_sending()

    def stopProducing(self) -> None:
        """The connection is lost, of which `connectionLost` tells."""

    def dataReceived(self, data: bytes) -> None:
        caller = self._caller
        if caller is None:  # bytes that no request asked for
            self._pool.forget(self)
            self.abandon()
            return
        try:
            if self._decoder is None:
                self._head(caller, self._buffer + data if self._buffer else data)
            else:
                payload, rest = self._decoder.feed(data)
                self._buffer = rest
                caller.more(payload, self._decoder.done)
        except Refused as error:
            self.abandon()
            news = isinstance(error, _Http2Alone) and self._pool.note_http2(self.address)
            caller.broken(Refused(UPSTREAM_BROKEN, error.detail), news)

    def _head(self, caller: Caller, data: bytes) -> None:
        if data[:1] == b"\0" and not self.reused and begins_with_settings(data):
            raise _Http2Alone(UPSTREAM_BROKEN, "upstream speaks HTTP/2 alone")
        while True:
            split = take_head(data, STATUS_LINE)
            if split is None:
                self._buffer = data
                return
            block, rest = split
            response = parse_response(block, self._method, self._upgrade)
            if response.status >= 200:
                break
            if response.status == 101:
                caller.switch(response, rest)
                return
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise Refused(UPSTREAM_BROKEN, f"more than {_MAX_INTERIM} interim responses")
            caller.interim(response)
            data = rest
        if len(rest) == response.length and response.body is Body.LENGTH:  # the usual answer: all of it at once
            self._decoder, self._buffer, self._keep_alive = _NO_BODY, b"", response.keep_alive
            caller.respond(response, rest, True)
            return
        self._decoder = decoder = response.decoder() if response.body else _NO_BODY
        payload, self._buffer = decoder.feed(rest) if rest and response.body else (b"", rest)
        self._keep_alive = response.keep_alive
        caller.respond(response, payload, decoder.done)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._pool.forget(self)
        caller, self._caller = self._caller, None
        if caller is None:
            return
        if isinstance(self._decoder, UntilCloseDecoder) and isinstance(reason.value, ConnectionDone):
            self._keep_alive = False
            caller.more(b"", True)
            return
        unanswered = self.reused and self._decoder is None and not self._buffer and not self._interim
        caller.broken(Refused(UPSTREAM_BROKEN, "the connection was closed before the response was whole"), unanswered)


class UpstreamPool:
    """Idle connections by address, at most `idle` for each; the last one used is the first one taken."""

    def __init__(self, reactor: Any, connect_timeout: float = 5.0, idle: int = 1024) -> None:
        self.reactor = reactor
        self.reach = Reach(lambda: reactor.seconds(), connect_timeout)
        self._connect_timeout = connect_timeout
        self._limit = idle
        self._idle: dict[Address, deque[UpstreamConnection]] = {}
        self._endpoints: set[Address | None] = set()
        self._http2: dict[Address, None] = {}
        self._sweeps = 0

    def take(self, address: Address) -> UpstreamConnection | None:
        idle = self._idle.get(address)
        return idle.pop() if idle else None

    def connect(self, address: Address, within: float | None = None) -> "Deferred[UpstreamConnection]":
        """A new connection, `within` so many seconds; fails with Refused."""
        made: Deferred[UpstreamConnection] = Deferred(lambda _: dial.cancel())

        def failed(failure: Failure) -> None:
            made.errback(Refused(UPSTREAM_UNREACHABLE, f"{address[0]}:{address[1]}: {type(failure.value).__name__}"))

        timeout = self._connect_timeout if within is None else within
        dial = Dial(self.reactor, address, lambda: UpstreamConnection(self, address, made), failed, timeout)
        return made.addCallback(self._remember)

    def connect_to_any(self, addresses: tuple[Address, ...]) -> "Deferred[UpstreamConnection]":
        """A new connection to the first of them that can be reached; fails with Refused."""
        attempt: Callable[[Address, float], UpstreamConnection | Deferred[UpstreamConnection]] = self.connect
        made = self.reach.first(addresses, attempt)
        assert isinstance(made, Deferred)
        return made

    def _remember(self, connection: UpstreamConnection) -> UpstreamConnection:
        here = connection.transport.getHost()
        connection.endpoint = here.host, here.port
        self._endpoints.add(connection.endpoint)
        return connection

    def made(self, endpoint: Address) -> bool:
        """Whether this is our side of a connection of this pool: what comes from there has gone round in a circle."""
        return endpoint in self._endpoints

    def speaks_http2(self, address: Address) -> bool:
        """Whether an upstream answered HTTP/1.1 with HTTP/2."""
        return address in self._http2

    def note_http2(self, address: Address) -> bool:
        """Remembers that it did. Gives whether that is news: what it was asked can be asked again in its language."""
        if address in self._http2:
            return False
        self._http2[address] = None
        if len(self._http2) > _REMEMBERED:
            del self._http2[next(iter(self._http2))]
        return True

    def forget_http2(self, address: Address) -> None:
        self._http2.pop(address, None)

    def keep(self, connection: UpstreamConnection) -> None:
        idle = self._idle.get(connection.address)
        if idle is None:
            idle = self._idle[connection.address] = deque()
        connection.kept_at = self._sweeps
        idle.append(connection)
        if len(idle) > self._limit:
            idle.popleft().abandon()

    def forget(self, connection: UpstreamConnection) -> None:
        self._endpoints.discard(connection.endpoint)
        idle = self._idle.get(connection.address)
        if idle and connection in idle:
            idle.remove(connection)
            if not idle:
                del self._idle[connection.address]

    def sweep(self) -> None:
        """Closes what nobody has needed for a while; called about once a second."""
        self._sweeps += 1
        for address, idle in list(self._idle.items()):
            while idle and self._sweeps - idle[0].kept_at > _IDLE:
                idle.popleft().abandon()
            if not idle:
                del self._idle[address]

    def close(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.abandon()
        self._idle.clear()

"""The accepted side of HTTP/2 with prior knowledge (RFC 9113 section 3.3). Imported when the first preface comes."""

from typing import Any

from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core.h2_connection import Connection
from aegis_proxy.core.h2_events import Broken, Event, Headers, PingAnswered
from aegis_proxy.core.refusals import Refused
from aegis_proxy.shell.crowd import INFINITE
from aegis_proxy.shell.h2_exchange import StreamExchange
from aegis_proxy.shell.h2_link import Link
from aegis_proxy.shell.server import Server
from aegis_proxy.shell.upstream import Address


class H2ServerConnection(Link):
    """One client connection, whose streams are judged one by one (server.Accepted)."""

    under_way = None

    def __init__(self, server: Server, peer: bytes, original: Address | None) -> None:
        super().__init__(Connection(client=False), server.upstreams.batch, server.clock)
        self.server = server
        self.peer = peer
        self.original = original
        self._head_until = server.clock() + server.deadlines.head
        self._idle_until = server.clock() + server.deadlines.idle
        self._draining = False
        self._last = h2.LARGEST
        self._begun = 0
        self._closing = False

    def take_over(self, transport: Any, data: bytes) -> None:
        """Goes on with a connection that another protocol has begun; `data` is what came after the preface."""
        transport.unregisterProducer()
        transport.protocol = self
        self.server.connections.add(self)
        with self.batch:
            self.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted types only its interfaces
            self.dataReceived(data)

    @property
    def deadline(self) -> float:
        if self._head_until:
            return self._head_until
        return self._idle_until if not self.users or self._closing else float("inf")

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            return
        super().dataReceived(data)
        if self.h2.settled and not self.h2.within_headers:
            self._head_until = 0.0
        elif not self._head_until:
            self._head_until = self.clock() + self.server.deadlines.head

    def headers(self, event: Headers) -> None:
        user = self.users.get(event.stream)
        if isinstance(user, StreamExchange):
            user.end_with(event.fields)
        elif event.stream <= self._begun:
            return  # trailers that came in one piece with what their stream was reset for, and no request
        elif event.stream > self._last:
            self.h2.reset(event.stream, h2.REFUSED_STREAM)
        else:
            self._begun = event.stream
            stream = StreamExchange(self, event.stream, self.clock())
            self.users[event.stream] = stream
            self.server.connections.add(stream)
            stream.begin(event)

    def finished(self, number: int, stream: StreamExchange) -> None:
        self.forget(number)
        self.server.connections.discard(stream)
        if not self.users:
            deadlines = self.server.deadlines
            self._idle_until = self.clock() + (deadlines.drain if self._draining else deadlines.idle)
            if self._draining and self._last != h2.LARGEST:
                self._close()

    def rare(self, event: Event) -> None:
        """Of a client's other frames, only the answer to the PING of `drain` says something."""
        if isinstance(event, PingAnswered) and self._draining:
            self._refuse_new()

    def broken(self, event: Broken) -> None:
        detail = f"HTTP/2 connection error {event.code}: {event.detail}"
        if not self.users:
            self.server.records.aborted(self.server.side.direction, detail)
        self.lose(detail)
        self._close()

    def _close(self) -> None:
        """Sends what is left to send, and reads on for a moment: a close at once could destroy it."""
        self.flush()
        self._closing = True
        self._head_until = 0.0
        self._idle_until = self.clock() + self.server.deadlines.drain
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()

    # --- what a server asks of each of its connections (server.Accepted)

    @property
    def idle_since(self) -> float:
        if self.users or self._closing:
            return INFINITE
        deadlines = self.server.deadlines
        return self._head_until - deadlines.head if self._head_until else self._idle_until - deadlines.idle

    def evict(self) -> None:
        self.out_of_patience()

    def revoke(self, refused: Refused) -> None:
        """There is no request of its own."""

    def drain(self) -> None:
        """Asks for no more streams; what the client sent before it heard of that is still served (section 6.8)."""
        if self._closing or self._draining:
            return
        self._draining = True
        self.h2.go_away(h2.NO_ERROR, h2.LARGEST)
        self.h2.ping()
        self._idle_until = self.clock() + self.server.deadlines.drain
        self.batch.touch(self)

    def _refuse_new(self) -> None:
        self._last = self.h2.streams.highest_theirs
        self.h2.go_away(h2.NO_ERROR)
        self.batch.touch(self)
        if not self.users:
            self._close()

    def out_of_patience(self) -> None:
        """A header section or SETTINGS that do not come, no stream for long, or a client that does not close."""
        if self._closing:
            self.transport.abortConnection()
        elif self._head_until:
            self.h2.go_away(h2.ENHANCE_YOUR_CALM)
            self.lose("no whole header section within the deadline")
            self._close()
        else:
            self._refuse_new()

    def cut(self) -> None:
        self.transport.abortConnection()

    def connectionLost(self, *_: object) -> None:
        self.server.connections.discard(self)
        self.lose("the client went away")

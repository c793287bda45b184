"""The proxy's protocols on transports in memory, in virtual time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from aegis_proxy.core.fields import ingress_role
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import Request
from aegis_proxy.settings import UpstreamProtocol
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.listener import Listener
from aegis_proxy.shell.metrics import Metrics
from aegis_proxy.shell.records import Records
from aegis_proxy.shell.server import Connected, Deadlines, Server
from aegis_proxy.shell.server_connection import ServerConnection
from aegis_proxy.shell.upstream import Address, UpstreamConnection, UpstreamPool
from support.proxy_log import ReadableLog

APP: Address = ("127.0.0.1", 8080)
LABEL = ("allow", "", "corp", "orders", "r")


def post(length: int, body: bytes = b"", *lines: bytes) -> bytes:
    return b"\r\n".join([b"POST /x HTTP/1.1", b"Host: a", b"Content-Length: %d" % length, *lines, b"", body])


class MemoryTransport:
    """What `transport.Transport` promises. `full` says that nobody reads: writes are held until `drain`."""

    def __init__(self, protocol: Any, clock: Clock) -> None:
        self.written = b""
        self.reading = True
        self.ended = ""  # how it ended: closed, aborted
        self.write_closed = False
        self.full = False
        self.protocol = protocol
        self._clock = clock
        self._producer: Any = None
        self._closing: Callable[[], None] | None = None

    def write(self, data: bytes) -> None:
        self.written += data
        if self.full and self._producer is not None:
            self._producer.pauseProducing()

    def drain(self) -> None:
        """All is read at last."""
        self.full = False
        if self._producer is not None:
            self._producer.resumeProducing()
        if self._closing is not None:
            self._closing()

    def take(self) -> bytes:
        """What was written since the last call."""
        written, self.written = self.written, b""
        return written

    def _when_written(self, what: Callable[[], None]) -> None:
        self._closing = what
        if not self.full:
            what()

    def loseConnection(self) -> None:
        self._when_written(lambda: self.end("closed"))

    def loseWriteConnection(self) -> None:
        def close() -> None:
            self._closing = None
            self.write_closed = True
            if hasattr(self.protocol, "writeConnectionLost"):
                self.protocol.writeConnectionLost()

        self._when_written(close)

    def abortConnection(self) -> None:
        self._clock.callLater(0, self.end, "aborted")

    def end(self, how: str = "closed") -> None:
        if not self.ended:
            self.ended = how
            self.protocol.connectionLost(Failure(ConnectionDone() if how == "closed" else ConnectionAborted()))

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert streaming
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        assert enabled

    def getHandle(self) -> Any:
        raise AssertionError("nobody asks")


class PoolInMemory(UpstreamPool):
    """`opened` are the connections that were asked for; each is made when `accept` is called, or at once."""

    def __init__(self, clock: Clock, *, at_once: bool = True, idle: int = 256) -> None:
        super().__init__(clock, idle=idle)
        self.opened: list[UpstreamConnection] = []
        self._clock = clock
        self._at_once = at_once
        self._asked: list[tuple[UpstreamConnection, Deferred[UpstreamConnection]]] = []

    def connect(self, address: Address, within: float | None = None) -> "Deferred[UpstreamConnection]":
        made: Deferred[UpstreamConnection] = Deferred()
        connection = UpstreamConnection(self, address, made)
        self.opened.append(connection)
        self._asked.append((connection, made))
        if self._at_once:
            self.accept()
        return made

    def accept(self) -> None:
        connection, _ = self._asked.pop(0)
        connection.makeConnection(MemoryTransport(connection, self._clock))  # type: ignore[no-untyped-call]  # Twisted types only its interfaces

    def refuse(self, refused: Refused) -> None:
        _, made = self._asked.pop(0)
        made.errback(refused)

    def app(self, number: int = -1) -> MemoryTransport:
        transport: Any = self.opened[number].transport
        assert isinstance(transport, MemoryTransport)
        return transport


class SideInMemory:
    """Lets all pass, unless `answers` holds what to answer next: a Refused, a Route or a Deferred."""

    direction = "inbound"
    canonical = True
    role_of = staticmethod(ingress_role)

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.answers: list[Refused | Route | Deferred[Route]] = []
        self.make: Callable[[Request], Route] = route

    def route(self, request: Request, connection: Connected) -> "Route | Deferred[Route]":
        self.asked.append(request)
        if not self.answers:
            return self.make(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Refused):
            raise answer
        return answer


def route(request: Request) -> Route:
    return Route(APP, b"%b %b HTTP/1.1\r\n\r\n" % (request.method, request.target), LABEL)


class HttpInMemory:
    """A server with a side, a pool, records and a clock; `connect` is a new client."""

    def __init__(self, log: ReadableLog, *, at_once: bool = True) -> None:
        self.clock = Clock()
        self.clock.advance(1000)  # monotonic clocks do not stand at 0
        self.log = log
        self.side = SideInMemory()
        self.pool = PoolInMemory(self.clock, at_once=at_once)
        self.metrics = Metrics()
        records = Records(log.log, self.metrics, access=True)
        self.server = Server(self.side, self.pool, records, self.clock.seconds, Deadlines())

    def http1_upstreams(self) -> None:
        """All apps are known to speak HTTP/1.1 alone."""
        self.upstreams_speak(UpstreamProtocol.HTTP1)

    def upstreams_speak(self, protocol: UpstreamProtocol) -> None:
        self.server = Server(self.side, self.pool, self.server.records, self.clock.seconds, Deadlines(), protocol)

    def connect(self) -> tuple[ServerConnection, MemoryTransport]:
        connection = Listener(self.server).buildProtocol(None)
        assert connection is not None
        transport = MemoryTransport(connection, self.clock)
        connection.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted types only its interfaces
        return connection, transport

    def wait(self, seconds: float) -> None:
        """Time passes, with a sweep each second as in a running proxy."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.server.sweep()

    def statuses(self, transport: MemoryTransport) -> list[int]:
        """Of the answers that were written so far."""
        return [int(part[:3]) for part in transport.written.split(b"HTTP/1.1 ")[1:]]


@contextmanager
def http_in_memory(*, at_once: bool = True) -> Iterator[HttpInMemory]:
    """No defect may be logged meanwhile."""
    log = ReadableLog()
    try:
        yield HttpInMemory(log, at_once=at_once)
        assert "defect" not in log.text()
    finally:
        log.close()

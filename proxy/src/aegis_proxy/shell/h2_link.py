"""A connection of HTTP/2 on a transport, whichever side it is, and what waits until its peer's windows open."""

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol as Interface

from aegis_proxy.core.h2_connection import Connection
from aegis_proxy.core.h2_events import Broken, Data, Event, Fields, Headers, Reset, WindowOpened
from aegis_proxy.shell.transport import TcpProtocol

# What a peer that reads nothing may make us hold of answers to its pings and settings.
_MOST_UNREAD = 256 * 1024
_AT_ONCE = 64 * 1024


class StreamUser(Interface):
    """Who sends and receives on one stream."""

    def data(self, payload: bytes, size: int, ended: bool) -> None:
        """Bytes of the body; their `size` is acknowledged when there is room for more."""

    def reset(self, code: int, ours: bool) -> None:
        """The stream is over (see h2_events.Reset)."""

    def lost(self, why: str) -> None:
        """The connection is over."""

    def progress(self) -> None:
        """Something of what waited went out."""

    def drained(self) -> None:
        """All that waited went out: there is room for more."""

    def sent(self) -> None:
        """The end of the stream went out."""


class Batch:
    """Within it, connections are written to once, at its end, however many events touch them."""

    __slots__ = ("_depth", "_touched")

    def __init__(self) -> None:
        self._depth = 0
        self._touched: dict[Link, None] = {}

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if not self._depth:
            touched, self._touched = self._touched, {}
            for link in touched:
                link.flush()

    def touch(self, link: "Link") -> None:
        if self._depth:
            self._touched[link] = None
        else:
            link.flush()


class _Waiting:
    """What goes out on a stream when the windows open, and how it ends then."""

    __slots__ = ("ended", "pieces", "trailers")

    def __init__(self) -> None:
        self.pieces: deque[bytes] = deque()
        self.ended = False
        self.trailers: Fields | None = None

    def take(self, most: int) -> bytes:
        piece = self.pieces.popleft()
        if len(piece) > most:
            self.pieces.appendleft(piece[most:])
        return piece[:most]


class Link(TcpProtocol):
    """`users` are those of the open streams, by stream id."""

    def __init__(self, h2: Connection, batch: Batch, clock: Callable[[], float]) -> None:
        self.h2 = h2
        self.batch = batch
        self.clock = clock
        self.users: dict[int, StreamUser] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._full = False
        self._unread = 0

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.batch.touch(self)

    def dataReceived(self, data: bytes) -> None:
        with self.batch:
            for event in self.h2.receive(data, self.clock()):
                self._handle(event)
            self.batch.touch(self)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Data):
            user = self.users.get(event.stream)
            if user is None:
                self.h2.acknowledge(event.stream, event.size)
            else:
                user.data(event.payload, event.size, event.ended)
        elif isinstance(event, Headers):
            self.headers(event)
        elif isinstance(event, WindowOpened):
            self._pump([event.stream] if event.stream else list(self._waiting))
        elif isinstance(event, Reset):
            user = self.forget(event.stream)
            if user is not None:
                user.reset(event.code, event.ours)
        elif isinstance(event, Broken):
            self.broken(event)
        else:
            self.rare(event)

    def headers(self, event: Headers) -> None:
        raise NotImplementedError

    def rare(self, event: Event) -> None:
        raise NotImplementedError

    def broken(self, event: Broken) -> None:
        raise NotImplementedError

    def acknowledge(self, number: int, size: int) -> None:
        self.h2.acknowledge(number, size)
        self.batch.touch(self)

    def forget(self, number: int) -> StreamUser | None:
        """Nobody sends or receives on this stream any more."""
        self._waiting.pop(number, None)
        return self.users.pop(number, None)

    def reset(self, number: int, code: int) -> None:
        self.forget(number)
        self.h2.reset(number, code)
        self.batch.touch(self)

    def send_headers(self, number: int, fields: Fields, *, ended: bool, secret: frozenset[bytes] = frozenset()) -> None:
        self.h2.send_headers(number, fields, ended=ended, secret=secret)
        self.batch.touch(self)
        if ended:
            self.users[number].sent()

    def send_data(self, number: int, payload: bytes, *, ended: bool) -> bool:
        """Whether all went out; if not, the user hears when it did."""
        waiting = self._waiting.get(number)
        if waiting is None:
            if not self._full and len(payload) <= self.h2.may_send(number):
                self.h2.send_data(number, payload, ended=ended)
                self.batch.touch(self)
                if ended:
                    self.users[number].sent()
                return True
            waiting = self._waiting[number] = _Waiting()
        if payload:
            waiting.pieces.append(payload)
        waiting.ended = ended
        self._pump([number])
        return number not in self._waiting

    def send_trailers(self, number: int, fields: Fields) -> None:
        """Ends the stream with trailers, behind all that waits."""
        waiting = self._waiting.get(number)
        if waiting is None:
            self.send_headers(number, fields, ended=True)
        else:
            waiting.trailers = fields
            waiting.ended = True

    def _pump(self, numbers: list[int]) -> None:
        """Sends what waits on these streams, a frame of each in turn, until nothing moves."""
        with self.batch:
            while numbers and not self._full:
                numbers = [number for number in numbers if self._pump_one(number)]
                if self.h2.unsent > _AT_ONCE:
                    self.flush()
            self.batch.touch(self)

    def _pump_one(self, number: int) -> bool:
        """Whether a frame went out, and more may follow."""
        waiting = self._waiting.get(number)
        user = self.users.get(number)
        if waiting is None or user is None:
            return False
        if waiting.pieces:
            may = self.h2.may_send(number)
            if not may:
                return False
            piece = waiting.take(may)
            self.h2.send_data(number, piece, ended=waiting.ended and waiting.trailers is None and not waiting.pieces)
            user.progress()
            if waiting.pieces:
                # To the end of the queue: a window of the connection that opens bit by bit is for all.
                self._waiting[number] = self._waiting.pop(number)
                return True
        elif waiting.trailers is None:
            self.h2.send_data(number, b"", ended=waiting.ended)
        del self._waiting[number]
        if waiting.trailers is not None:
            self.send_headers(number, waiting.trailers, ended=True)
        elif waiting.ended:
            user.sent()
        else:
            user.drained()
        return False

    def flush(self) -> None:
        data = self.h2.take()
        if not data:
            return
        if self._full:
            self._unread += len(data)
            if self._unread > _MOST_UNREAD:
                self.transport.abortConnection()
                return
        self.transport.write(data)

    # twisted.internet.interfaces.IPushProducer: our send buffer filled up, or drained
    def pauseProducing(self) -> None:
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        self._unread = 0
        self._pump(list(self._waiting))

    def stopProducing(self) -> None:
        """The connection is lost, of which `connectionLost` tells."""

    def lose(self, why: str) -> None:
        """Tells all users that the connection is over."""
        self._waiting.clear()
        users, self.users = self.users, {}
        for user in users.values():
            user.lost(why)

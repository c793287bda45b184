"""The proxy in memory: real listener, judgement, exchange and upstream connections, without sockets.

`memory_proxy` is the way in; others hand in their own side (`outbound`) or their own client (`streams`).

What a client sends and an app answers are bytes, what comes of it is a value that the oracle looks at.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any
from typing import Protocol as Interface

from attrs import field, frozen
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from aegis_api.metadata import Metadata
from aegis_api.policy import Enforcement, IdentityPattern, IngressPolicy, PathType, Rule
from aegis_proxy.core.rules import compile_rules
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.settings import LogLevel, UpstreamProtocol
from aegis_proxy.shell.ingress import IngressSide
from aegis_proxy.shell.metrics import Metrics
from aegis_proxy.shell.records import Records
from aegis_proxy.shell.server import Deadlines, Server, Side
from aegis_proxy.shell.server_connection import ServerConnection
from aegis_proxy.shell.upstream import Address
from mutation.origin import Crooked, Seen, check_with_llhttp, take_request
from support.in_memory_http import APP, MemoryTransport, PoolInMemory
from support.proxy_log import ReadableLog
from support.tokens import NOW, authorities, mint

PEER = b"10.0.0.9"
_CALLER = (IdentityPattern("shop", "identity01"),)
RULES = (
    Rule("public", frozenset({"GET", "HEAD", "POST"}), (b"/public",), identities=_CALLER),
    Rule("raw", frozenset({"GET"}), (b"/raw",), identities=_CALLER, encoded_slash=True),
    Rule("server", frozenset({"OPTIONS"}), (b"*",), identities=_CALLER),
    Rule("health", frozenset({"GET"}), (b"/healthz",), PathType.EXACT, unauthenticated=True),
)
TOKEN = mint()


@frozen
class Outcome:
    """What came of the bytes of one client.

    `seen` are the whole requests that reached the app, `targets` those that were judged and passed, `answered` all that
    the client was sent. `closed`: the proxy ended the connection, at the latest when the client said that it was done.
    `left_open` are connections to the app that ended neither with a whole request nor by the proxy. `addresses` are
    where each of `seen` went; `tunnels` where each tunnel led, and what the client sent through it.
    """

    seen: tuple[Seen, ...]
    targets: tuple[bytes, ...]
    answered: bytes
    closed: bool
    after_close: bool = field(default=False, kw_only=True)
    left_open: int = field(default=0, kw_only=True)
    addresses: tuple[Address, ...] = field(default=(), kw_only=True)
    tunnels: tuple[tuple[Address, bytes], ...] = field(default=(), kw_only=True)

    @property
    def statuses(self) -> list[int]:
        return [int(found) for found in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", self.answered)]


class _Known:
    """What `Control` tells: one snapshot, and no more keys than it has."""

    snapshot = Snapshot(
        1,
        authorities(),
        compile_rules([IngressPolicy(Metadata("orders", "shop"), Enforcement.ENFORCE, RULES)], missing=False),
    )
    refetch_keys = staticmethod(lambda issuer, kid: None)


class Watched(Side, Interface):
    """A side that remembers the targets that were judged and let through."""

    passed: list[bytes]


class _Inbound(IngressSide):
    passed: list[bytes]

    def route(self, request: Any, connection: Any) -> Any:
        routed = super().route(request, connection)
        self.passed.append(request.target)
        return routed


class _Loud(Records):
    """A defect of the proxy ends the run."""

    def defect(self, failure: Failure) -> None:
        failure.raiseException()


Answer = Callable[[Seen, int], bytes]


def plain_answer(seen: Seen, number: int) -> bytes:
    """An answer that says to which request of the connection it belongs."""
    head = b"HTTP/1.1 200 OK\r\nX-Number: %d\r\nContent-Length: 2\r\n\r\n" % number
    return head if seen.method == b"HEAD" else head + b"ok"


def _inbound(records: Records) -> Watched:
    known: Any = _Known
    return _Inbound(known, records, lambda: NOW, APP)


class MemoryProxy:
    """Made by `memory_proxy()`. Each talk has connections of its own; `server` is that of the last one."""

    server: Server

    def __init__(self, log: ReadableLog, side: Callable[[Records], Watched]) -> None:
        self.log = log
        self.clock = Clock()
        self.clock.advance(1000)  # monotonic clocks do not stand at 0
        self._records = _Loud(log.log, Metrics(), access=False)
        self._side = side(self._records)

    def connect(self, protocol: UpstreamProtocol = UpstreamProtocol.AUTO) -> "Talk":
        self._side.passed = []
        pool = PoolInMemory(self.clock)
        self.server = Server(self._side, pool, self._records, self.clock.seconds, Deadlines(), protocol)
        return Talk(self, ServerConnection(self.server, PEER), pool, self._side.passed)

    def ask(self, data: bytes, pieces: Sequence[int] = (), answer: Answer = plain_answer) -> Outcome:
        """What comes of `data`, sent in pieces of these sizes and the rest in one.

        Behind what ended the connection a good request is sent, which must not be read any more.
        """
        talk = self.connect()
        talk.send(data, pieces, answer)
        before = len(talk.seen), talk.client.written
        if talk.closing:
            talk.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", (), answer)
        after_close = before != (len(talk.seen), talk.client.written)
        talk.finish(answer)
        return talk.outcome(after_close=after_close)


class Talk:
    """One client connection, and the connections to the app that it led to."""

    def __init__(self, proxy: MemoryProxy, server: ServerConnection, pool: PoolInMemory, passed: list[bytes]) -> None:
        self.pool = pool
        self.client = MemoryTransport(server, proxy.clock)
        self.seen: list[Seen] = []
        self.addresses: list[Address] = []
        self._passed = passed
        self._proxy = proxy
        self._read: dict[int, bytes] = {}
        self._by_connection: dict[int, list[Seen]] = {}
        server.makeConnection(self.client)  # type: ignore[no-untyped-call]  # Twisted types only its interfaces

    @property
    def closing(self) -> bool:
        return bool(self.client.ended) or self.client.write_closed

    def send(self, data: bytes, pieces: Sequence[int], answer: Answer) -> None:
        for size in (*pieces, len(data)):
            piece, data = data[:size], data[size:]
            if piece and not self.client.ended:
                self.client.protocol.dataReceived(piece)
                self.serve(answer)

    def finish(self, answer: Answer) -> None:
        """The client half-closes, and so do those who are at the other end of tunnels."""
        if not self.client.ended:
            self.client.protocol.readConnectionLost()
            self.serve(answer)
        for number in range(len(self.pool.opened)):
            if self._is_tunnel(number) and not self.pool.app(number).ended:
                self.pool.app(number).end()
        self._proxy.clock.advance(0)

    def _is_tunnel(self, number: int) -> bool:
        return self.pool.app(number).protocol is not self.pool.opened[number]

    def serve(self, answer: Answer) -> None:
        """The app answers what has come to it, until nothing more comes."""
        busy = True
        while busy:
            busy = False
            self._proxy.clock.advance(0)
            for number in range(len(self.pool.opened)):
                busy = self._serve_one(number, answer) or busy

    def _serve_one(self, number: int, answer: Answer) -> bool:
        transport = self.pool.app(number)
        if self._is_tunnel(number):
            return False
        unread = transport.written[len(self._read.setdefault(number, b"")) :]
        taken = take_request(unread) if unread and not transport.ended else None
        if taken is None:
            return False
        seen, rest = taken
        self._read[number] += unread[: len(unread) - len(rest)]
        self.seen.append(seen)
        self.addresses.append(self.pool.opened[number].address)
        self._by_connection.setdefault(number, []).append(seen)
        self.pool.opened[number].dataReceived(answer(seen, len(self.seen)))
        return True

    def app_ends(self) -> None:
        """The app closes its connections."""
        for number in range(len(self.pool.opened)):
            transport = self.pool.app(number)
            if not transport.ended:
                transport.ended = "by the app"
                self.pool.opened[number].connectionLost(Failure(ConnectionDone()))
        self._proxy.clock.advance(0)

    def outcome(self, *, after_close: bool = False) -> Outcome:
        left_open, tunnels = 0, []
        for number in range(len(self.pool.opened)):
            transport = self.pool.app(number)
            if self._is_tunnel(number):
                tunnels.append((self.pool.opened[number].address, transport.written))
                continue
            read = self._read.get(number, b"")
            check_with_llhttp(read, self._by_connection.get(number, []))
            left_open += transport.written != read and not transport.ended
        return Outcome(
            tuple(self.seen),
            tuple(self._passed),
            self.client.written,
            self.closing,
            after_close=after_close,
            left_open=left_open,
            addresses=tuple(self.addresses),
            tunnels=tuple(tunnels),
        )


def pieces_of(data: bytes, seed: int) -> list[int]:
    """Sizes to cut `data` into: one by one, or at a few places."""
    random = Random(seed)
    if seed % 8 == 0:
        return [1] * len(data)
    return [random.randint(1, max(1, len(data) // 2)) for _ in range(random.randint(1, 5))]


@contextmanager
def memory_proxy(side: Callable[[Records], Watched] = _inbound) -> Iterator[MemoryProxy]:
    """A defect is raised where it happens; no token may stand in the log at the end."""
    log = ReadableLog(LogLevel.INFO)
    try:
        yield MemoryProxy(log, side)
        text = log.text()
        for secret in ("eyJ", "earer "):
            if secret in text:
                raise Crooked(f"the log holds {secret!r}")
    finally:
        log.close()

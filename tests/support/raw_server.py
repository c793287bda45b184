"""A TCP (or TLS) server on loopback that does what the test says: answers, waits for ever, breaks off."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import PrivateCertificate
from twisted.python.failure import Failure

from servers.certificates import KeyPair
from support.on_reactor import reactor


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*headers: str) -> bytes:
    """The head of an answer whose body follows in chunks."""
    return "\r\n".join(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class RawConnection(Protocol):
    def __init__(self, server: "RawServer") -> None:
        self.received = b""
        self.lost: Deferred[None] = Deferred()
        self._server = server

    def dataReceived(self, data: bytes) -> None:
        whole = b"\r\n\r\n" in self.received
        self.received += data
        if not whole and b"\r\n\r\n" in self.received:
            self._server.asked(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)

    @property
    def target(self) -> str:
        """The request target of the first request."""
        return self.received.split(b" ")[1].decode()

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def close(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()

    def reset(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


class RawServer(Factory):
    noisy = False

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[RawConnection] = []
        self._waiting: list[Deferred[RawConnection]] = []
        self._unclaimed: list[RawConnection] = []

    def buildProtocol(self, addr: object) -> RawConnection:
        return RawConnection(self)

    def asked(self, connection: RawConnection) -> None:
        self.requests.append(connection)
        if self._waiting:
            self._waiting.pop(0).callback(connection)
        else:
            self._unclaimed.append(connection)

    async def next(self, seconds: float = 20.0) -> RawConnection:
        """The next connection on which a whole request head has come."""
        if self._unclaimed:
            return self._unclaimed.pop(0)
        waiting: Deferred[RawConnection] = Deferred()
        self._waiting.append(waiting)
        return await waiting.addTimeout(seconds, reactor)


@asynccontextmanager
async def raw_server(
    tls: KeyPair | None = None, interface: str = "127.0.0.1", number: int = 0
) -> AsyncIterator[RawServer]:
    """`number` is its port, by default a free one."""
    server: Any = RawServer()
    if tls is None:
        port: Any = reactor.listenTCP(number, server, interface=interface)
    else:
        pem = tls.key.read_bytes() + tls.certificate.read_bytes()
        port = reactor.listenSSL(number, server, PrivateCertificate.loadPEM(pem).options(), interface=interface)
    server.port = port.getHost().port
    try:
        yield server
    finally:
        for connection in server.requests:
            if not connection.lost.called:
                connection.reset()
        await port.stopListening()
        # Sockets that were aborted are closed by the reactor a moment later.
        await pause(0.05)


async def pause(seconds: float) -> None:
    """Lets the reactor go on."""
    waited: Deferred[None] = Deferred()
    reactor.callLater(seconds, waited.callback, None)
    await waited


async def until(condition: Any, seconds: float = 20.0) -> None:
    """Waits until `condition()` is true."""
    end = reactor.seconds() + seconds
    while not condition():
        if reactor.seconds() > end:
            raise AssertionError(f"not true within {seconds} s")
        await pause(0.02)

import socket
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from aegis_proxy.shell.crowd import Crowd
from aegis_proxy.shell.transport import Dial, ImmediateServer, listen
from support.on_reactor import on_reactor, reactor

LONG = b"0123456789" * 1_000_000


class Recorder(Protocol):
    """Keeps what comes; tells when the connection is lost."""

    def __init__(self) -> None:
        self.data = b""
        self.made: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()
        self.events: list[str] = []

    def connectionMade(self) -> None:
        self.made.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)

    def pauseProducing(self) -> None:
        self.events.append("pause")

    def resumeProducing(self) -> None:
        self.events.append("resume")

    def stopProducing(self) -> None:
        self.events.append("stop")


class Pair:
    """Both ends of a connection."""

    def __init__(self) -> None:
        self.server, self.client = Recorder(), Recorder()
        self.crowd = Crowd(1)
        accepting = Factory()
        accepting.buildProtocol = lambda _: self.server  # type: ignore[method-assign,assignment]  # this one, once
        accepting.noisy = False
        self.port = listen(reactor, "127.0.0.1", 0, accepting, self.crowd)
        failed = self.client.made.errback
        self.dial = Dial(reactor, ("127.0.0.1", self.port.getHost().port), lambda: self.client, failed, 60.0)

    async def made(self) -> None:
        await self.server.made
        await self.client.made
        await self.stopped()

    async def stopped(self) -> None:
        stopping: Any = self.port.stopListening()
        if isinstance(stopping, Deferred):
            await stopping


def test_bytes_arrive_at_once_and_whole() -> None:
    """A small write does not wait for the reactor; what the socket does not take follows in order."""

    async def work() -> None:
        pair = Pair()
        await pair.made()
        transport: Any = pair.client.transport
        transport.registerProducer(pair.client, True)
        transport.write(b"first")
        assert pair.server.transport is not None
        handle: socket.socket = pair.server.transport.getHandle()  # type: ignore[attr-defined]  # of a TCP transport
        handle.setblocking(True)
        assert handle.recv(5, socket.MSG_PEEK) == b"first"
        handle.setblocking(False)
        transport.write(LONG)
        transport.write(b"last")
        assert pair.client.events[:1] == ["pause"]
        transport.unregisterProducer()
        transport.loseConnection()
        await pair.server.lost
        await pair.client.lost
        assert pair.server.data == b"first" + LONG + b"last"
        assert pair.crowd.sockets == 0

    on_reactor(work())


def test_a_lost_connection_takes_no_more() -> None:
    """Writing to it is no error; its loss is told once."""

    async def work() -> None:
        pair = Pair()
        await pair.made()
        assert pair.crowd.sockets == 1
        client, server = pair.client.transport, pair.server.transport
        assert client is not None
        assert server is not None
        server.abortConnection()  # type: ignore[attr-defined]  # of a TCP transport
        await pair.client.lost
        client.write(b"x")
        await pair.server.lost
        assert pair.crowd.sockets == 0

    on_reactor(work())


def test_nothing_is_left_of_a_dial_that_came_to_something() -> None:
    """No timer, and giving it up later does nothing."""

    async def work() -> None:
        pair = Pair()
        await pair.made()
        assert pair.client.transport is not None
        assert not pair.dial._timer.active()
        pair.dial.cancel()
        pair.client.transport.write(b"x")
        pair.client.transport.loseConnection()
        await pair.client.lost
        await pair.server.lost
        assert pair.server.data == b"x"

    on_reactor(work())


def test_a_dial_that_fails_says_so_once() -> None:
    """What comes later is no news."""

    async def work() -> None:
        failed: Deferred[None] = Deferred()
        dial = Dial(reactor, ("127.0.0.1", 1), Recorder, failed.errback, 60.0)
        with pytest.raises(ConnectionRefusedError):
            await failed
        dial.cancel()

    on_reactor(work())


def test_a_dial_that_is_given_up_is_nobodys_news() -> None:
    """Whoever gave it up knows."""

    async def work() -> None:
        failed: Deferred[None] = Deferred()
        dial = Dial(reactor, ("127.0.0.1", 1), Recorder, failed.errback, 60.0)
        dial.cancel()
        assert not dial._timer.active()
        assert not failed.called
        dial.cancel()

    on_reactor(work())


def test_an_address_in_use_cannot_be_listened_on() -> None:
    """Twisted's own error, for the caller to translate."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotListenError):
        listen(reactor, "127.0.0.1", taken.getsockname()[1], Factory(), Crowd(1))


def test_who_sends_much_is_read_by_larger_pieces() -> None:
    """As long as it lasts: a buffer of that size for each small request would be in vain."""
    sent, asked = [b"x" * 65536, b"x" * 100_000, b"x" * 10, b"x"], []

    class Socket:
        def recv(self, most: int) -> bytes:
            asked.append(most)
            return sent[len(asked) - 1]

    class Reading(ImmediateServer):
        socket: Any = Socket()
        protocol: Any = Recorder()

        def __init__(self) -> None:
            """Without a connection: only reading is looked at."""

    reading = Reading()
    for _ in sent:
        assert reading.doRead() is None
    assert reading.protocol.data == b"".join(sent)
    assert asked == [65536, 262144, 262144, 65536]

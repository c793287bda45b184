"""TCP transports that write at once.

A stock Twisted transport queues every write and waits for the reactor to report the socket writable: one more trip
through the poll loop for each message. These try the socket first and queue only what it does not take. Measured: half
the price of a request.
"""

from collections.abc import Callable
from socket import IPPROTO_IPV6, IPV6_V6ONLY, socket
from typing import Any
from typing import Protocol as Interface

from twisted.internet import main, tcp
from twisted.internet.error import TimeoutError as DeadlinePassed
from twisted.internet.error import UserError
from twisted.internet.interfaces import IAddress, IReactorTCP
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from aegis_proxy.shell.crowd import Crowd

# What is read at once. Who fills the first has more to send: a long body then costs a quarter less.
_READ_SIZE = 64 * 1024
_BULK_SIZE = 256 * 1024


class _ImmediateWrites:
    """Mixed in before a transport of twisted.internet.tcp, whose queue takes what the socket does not."""

    connected: Any
    dataBuffer: Any
    protocol: Any
    socket: Any
    _tempDataBuffer: Any
    _writeDisconnected: Any
    _most = _READ_SIZE

    def doRead(self) -> Any:
        """As tcp.Connection.doRead, without its detours."""
        try:
            data = self.socket.recv(self._most)
        except BlockingIOError:
            return None
        except OSError:
            return main.CONNECTION_LOST
        if len(data) >= _READ_SIZE:
            self._most = _BULK_SIZE
        elif not data:
            return main.CONNECTION_DONE
        elif self._most != _READ_SIZE:
            self._most = _READ_SIZE
        self.protocol.dataReceived(data)
        return None

    def write(self, data: bytes) -> None:
        if self.dataBuffer or self._tempDataBuffer or not self.connected or self._writeDisconnected:
            self._queue(data)
            return
        try:
            sent = self.socket.send(data)
        except OSError:  # full, or broken: the queued write will find out which, as every Twisted transport does
            sent = 0
        if sent < len(data):
            self._queue(data[sent:])

    def _queue(self, data: bytes) -> None:
        super().write(data)  # type: ignore[misc]  # of the transport that this is mixed into


class ImmediateServer(_ImmediateWrites, tcp.Server):
    """The accepted side of a connection, counted by its port's crowd."""

    def __init__(self, sock: socket, protocol: Any, client: Any, server: Any, sessionno: int, reactor: Any) -> None:
        super().__init__(sock, protocol, client, server, sessionno, reactor)
        self._crowd: Crowd = server.crowd
        self._crowd.came()

    def connectionLost(self, reason: Any) -> None:
        self._crowd.left()
        super().connectionLost(reason)


class Transport(Interface):
    """What the protocols here ask of a TCP transport (twisted.internet.interfaces.ITCPTransport and IPushProducer)."""

    def write(self, data: bytes) -> None: ...

    def loseConnection(self) -> None: ...

    def loseWriteConnection(self) -> None: ...

    def abortConnection(self) -> None: ...

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def registerProducer(self, producer: object, streaming: bool) -> None: ...

    def unregisterProducer(self) -> None: ...

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def getHandle(self) -> socket: ...

    def getHost(self) -> Any:
        """Our side: `host` and `port`."""

    def getPeer(self) -> Any:
        """The other side: `host` and `port`."""


class TcpProtocol(Protocol):
    """A protocol on one of these transports."""

    transport: Transport  # type: ignore[assignment]  # Twisted's stubs know only what every transport can


class _ImmediateClient(_ImmediateWrites, tcp.Client):
    pass


class _Connected:
    """What a transport has for a connector once it is connected: nobody need hear of its end but its protocol."""

    def connectionLost(self, reason: Failure) -> None:
        pass


_CONNECTED = _Connected()


class Dial:
    """An attempt to connect to an (IP address, port): ends with `made`, which gives the protocol, or with `failed`.

    Twisted's own connectors live as long as their transports, in cycles that only the garbage collector ends: measured
    as 6 KiB for each connection that is gone. This is no part of what it made.
    """

    __slots__ = ("_failed", "_made", "_timer", "_transport")

    def __init__(
        self,
        reactor: Any,
        address: tuple[str, int],
        made: Callable[[], Protocol],
        failed: Callable[[Failure], None],
        timeout: float,
    ) -> None:
        self._made = made
        self._failed = failed
        self._transport: Any = _ImmediateClient(address[0], address[1], None, self, reactor)
        self._timer: Any = reactor.callLater(timeout, self._give_up, DeadlinePassed())

    def cancel(self) -> None:
        """Gives it up, unless it has come to something; nobody hears of it."""
        if self._transport is not None:
            self._failed = lambda _: None
            self._give_up(UserError())

    def _give_up(self, error: Exception) -> None:
        if self._transport is not None:
            self._transport.failIfNotConnected(error)

    def _end(self) -> None:
        del self._made, self._failed
        self._transport = None
        if self._timer.active():
            self._timer.cancel()

    # --- what a tcp.Client asks of its connector

    def buildProtocol(self, addr: IAddress) -> Protocol:
        made, self._transport.connector = self._made, _CONNECTED
        self._end()
        return made()

    def connectionFailed(self, failure: Failure) -> None:
        failed = self._failed
        self._end()
        failed(failure)


class _ImmediatePort(tcp.Port):
    transport = ImmediateServer
    crowd: Crowd


class _ImmediateIPv6Port(_ImmediatePort):
    """Leaves IPv4 to a listener on the same port."""

    def createInternetSocket(self) -> socket:
        created: socket = super().createInternetSocket()  # type: ignore[no-untyped-call]  # Twisted types only its interfaces
        created.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
        return created


def listen(
    reactor: IReactorTCP,
    host: str,
    port: int,
    factory: Factory,
    crowd: Crowd,
    backlog: int = 1024,
    *,
    ipv6_only: bool = False,
) -> tcp.Port:
    """Listens on an IP address; `crowd` counts who comes. Raises twisted.internet.error.CannotListenError."""
    make = _ImmediateIPv6Port if ipv6_only else _ImmediatePort
    listening = make(port, factory, backlog, host, reactor)
    listening.crowd = crowd
    listening.startListening()
    return listening

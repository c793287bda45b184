"""Redirected connections, before anyone knows what they speak: HTTP is judged, all else goes on untouched.

The first bytes decide, of whichever side. A client that says nothing for a moment may wait for the server to speak
first, as with SSH, SMTP and MySQL; so its destination is called. If it is HTTP after all, the call was for nothing.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IHalfCloseableProtocol
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from aegis_proxy.core.egress import forbidden
from aegis_proxy.core.refusals import FORBIDDEN_DESTINATION, Refused
from aegis_proxy.core.sniff import speaks_http
from aegis_proxy.shell.exchange import Exchange
from aegis_proxy.shell.own_listeners import OwnListeners
from aegis_proxy.shell.redirected import original_destination
from aegis_proxy.shell.server import Server
from aegis_proxy.shell.server_connection import ServerConnection
from aegis_proxy.shell.transport import TcpProtocol
from aegis_proxy.shell.tunnel import Kind, Opened
from aegis_proxy.shell.upstream import Address, UpstreamConnection


class RedirectedConnections(Factory):
    """In front of a server. `silence` is how many seconds a client may say nothing before its destination is called."""

    noisy = False

    def __init__(self, server: Server, own: OwnListeners, silence: float) -> None:
        self.server = server
        self.own = own
        self.silence = silence

    def buildProtocol(self, addr: IAddress | None) -> "Undecided | None":
        if not self.server.has_room():
            return None
        return Undecided(self, (getattr(addr, "host", ""), getattr(addr, "port", 0)))


@implementer(IHalfCloseableProtocol)
class Undecided(TcpProtocol):
    """A connection until it is known what it speaks. One that was made to the proxy itself speaks HTTP."""

    under_way: Exchange | None = None

    def __init__(self, listener: RedirectedConnections, peer: Address) -> None:
        self._listener = listener
        self._server = listener.server
        self._peer = peer
        self._original: Address | None = None
        self._seen = b""
        self._opaque = self._half_closed = False
        self._timer: IDelayedCall | None = None
        self._calling: Deferred[None] | None = None
        self._upstream: UpstreamConnection | None = None
        self.began = self._server.clock()
        self.deadline = self.began + self._server.deadlines.idle

    def connectionMade(self) -> None:
        self._original = original_destination(self.transport)
        if self._original is None:
            self._hand_over(None)
            return
        self._server.connections.add(self)
        self._timer = self._server.pool.reactor.callLater(self._listener.silence, self._call)

    def dataReceived(self, data: bytes) -> None:
        self._seen += data
        http = speaks_http(self._seen)
        if http is False:
            self._decide_opaque()
        elif http:
            if self._goes_round():
                return
            self._forget()
            self._hand_over(self._original)

    def _hand_over(self, original: Address | None) -> None:
        """To the server, as if it had accepted the connection itself."""
        connection = ServerConnection(self._server, self._peer[0].encode(), original)
        transport: Any = self.transport
        transport.protocol = connection
        connection.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted types only its interfaces
        if self._seen:
            connection.dataReceived(self._seen)

    def _decide_opaque(self) -> None:
        self._opaque = True
        self.transport.pauseProducing()
        if self._upstream is not None:
            self._tunnel(self._upstream, b"")
        else:
            self._call()

    def _call(self) -> None:
        """Connects to where the client was going."""
        if self._calling is not None or self._goes_round():
            return
        assert self._original is not None
        if why := forbidden(self._original, self._listener.own):
            self._refuse(Refused(FORBIDDEN_DESTINATION, why))
            return
        calling = self._server.pool.connect(self._original)
        self._calling = calling.addCallbacks(self._called, self._unreachable)

    def _called(self, upstream: UpstreamConnection) -> None:
        self._upstream = upstream
        if self._opaque:
            self._tunnel(upstream, b"")
        else:
            _Listening(self).take_over(upstream)

    def _unreachable(self, failure: Failure) -> None:
        if isinstance(failure.value, Refused):
            self._server.records.aborted(self._server.side.direction, failure.value.detail)
            self.cut()

    def server_spoke(self, upstream: UpstreamConnection, data: bytes) -> None:
        self._tunnel(upstream, data)

    def server_left(self) -> None:
        if self._upstream is not None:
            self.cut()

    def _tunnel(self, upstream: UpstreamConnection, from_server: bytes) -> None:
        self._upstream = self._calling = None
        self._forget()
        opened = Opened(Kind.OPAQUE, self._peer[0].encode(), self.began)
        tunnel = self._server.open_tunnel(opened, self.transport, upstream)
        tunnel.open(self._seen, from_server, client_finished=self._half_closed)

    def _goes_round(self) -> bool:
        """Refuses what this proxy itself has sent: its own traffic is redirected to it, without end."""
        if not self._server.pool.made(self._peer):
            return False
        why = "the proxy's own connection was redirected to it: does it run as --proxy-uid?"
        self._refuse(Refused(FORBIDDEN_DESTINATION, why, "loop"))
        return True

    def _refuse(self, refused: Refused) -> None:
        self._server.records.refused(self._server.side.direction, refused, None, self._peer[0].encode())
        self.cut()

    def _forget(self) -> None:
        """Ends what is under way here."""
        self._server.connections.discard(self)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        upstream, self._upstream = self._upstream, None
        calling, self._calling = self._calling, None
        if upstream is not None:
            upstream.gone()
            upstream.transport.abortConnection()
        elif calling is not None:
            calling.cancel()

    def readConnectionLost(self) -> None:
        """What was said is all there will be: no whole request, for that would have been seen."""
        self._half_closed = True
        self._decide_opaque()

    def writeConnectionLost(self) -> None:
        """Nobody closes that side here."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._forget()

    # --- what a server asks of each of its connections (server.Accepted)

    @property
    def idle_since(self) -> float:
        return self.began

    def evict(self) -> None:
        self._forget()
        self.cut()

    def revoke(self, refused: Refused) -> None:
        """There is no request."""

    def drain(self) -> None:
        self.cut()

    def out_of_patience(self) -> None:
        self.cut()

    def cut(self) -> None:
        self.transport.abortConnection()


class _Listening(TcpProtocol):
    """The server's side, while it may be the first to speak."""

    def __init__(self, client: Undecided) -> None:
        self._client = client
        self._upstream: UpstreamConnection | None = None

    def take_over(self, upstream: UpstreamConnection) -> None:
        self._upstream = upstream
        transport: Any = upstream.hand_over()
        transport.protocol = self

    def dataReceived(self, data: bytes) -> None:
        assert self._upstream is not None
        self._client.server_spoke(self._upstream, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert self._upstream is not None
        self._upstream.gone()
        self._client.server_left()

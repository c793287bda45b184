"""A connection that HTTP has ended on: bytes pass both ways as they come, until either side or policy ends it.

Backpressure and half-closes go through. What ends early is aborted: a reset cannot be taken for a whole transfer. A
WebSocket is told why by a Close frame on both sides, where one may stand.
"""

import os
from enum import Enum
from typing import Any
from typing import Protocol as Interface

from attrs import frozen
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.upgrade import WEBSOCKET
from aegis_proxy.core.websocket import GOING_AWAY, NOT_ALLOWED, Frames, close_frame
from aegis_proxy.shell.crowd import INFINITE
from aegis_proxy.shell.exchange import Exchange
from aegis_proxy.shell.transport import TcpProtocol, Transport
from aegis_proxy.shell.upstream import UpstreamConnection


class Kind(Enum):
    """How a tunnel came about."""

    UPGRADE = "upgrade"
    CONNECT = "connect"
    OPAQUE = "opaque"


class Host(Interface):
    """Who keeps the tunnels of a listener."""

    def moved(self, tunnel: "Tunnel") -> None:
        """Bytes pass: the idle deadline is put off."""

    def closing(self, tunnel: "Tunnel") -> None:
        """Both sides were told; they get a moment to read it."""

    def ended(self, tunnel: "Tunnel") -> None: ...


@frozen(eq=False)
class Opened:
    """What a tunnel was opened for. `exchange` is the request's, None where no request was read (OPAQUE)."""

    kind: Kind
    peer: bytes
    began: float
    exchange: Exchange | None = None

    @property
    def websocket(self) -> bool:
        return self.exchange is not None and self.exchange.request.upgrade.lower() == WEBSOCKET


@implementer(IHalfCloseableProtocol)
class _End(TcpProtocol):
    """One side: what comes from it goes to `other`."""

    other: "_End"

    def __init__(self, tunnel: "Tunnel", transport: Transport, frames: Frames | None, *, masks: bool) -> None:
        self.received = 0
        self.finished = False  # it sends no more
        self.lost = False
        self._tunnel = tunnel
        self._frames = frames
        self._masks = masks  # what we say to it is masked: it is the server of the two
        self.transport = transport

    def take_over(self) -> None:
        transport: Any = self.transport
        transport.protocol = self
        transport.registerProducer(self, True)
        transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        if self._tunnel.closing:
            return
        self.received += len(data)
        self._tunnel.moved()
        if self._frames is not None:
            self._frames.feed(data)
        self.other.transport.write(data)

    # twisted.internet.interfaces.IPushProducer: our send buffer towards this side filled up, or drained
    def pauseProducing(self) -> None:
        if not self.other.finished:
            self.other.transport.pauseProducing()

    def resumeProducing(self) -> None:
        if not self.other.finished:
            self.other.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is lost, of which `connectionLost` tells."""

    def readConnectionLost(self) -> None:
        if self.finished:
            return
        self.finished = True
        if self._tunnel.closing:
            self.transport.loseConnection()
        elif self.other.finished:
            self.close()
            self.other.close()
        else:
            self.other.finish_writing()

    def finish_writing(self) -> None:
        self.transport.unregisterProducer()  # a registered one would put the end off
        self.transport.loseWriteConnection()

    def writeConnectionLost(self) -> None:
        """All is written."""

    def close(self) -> None:
        """Ends it once all is written."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abort(self) -> None:
        self.transport.unregisterProducer()
        self.transport.abortConnection()

    def tell(self, code: int) -> None:
        """Says goodbye to this side, where a frame may stand behind what it was sent."""
        sent = self.other._frames
        if sent is None or not sent.between or self.other.finished or self.lost:
            self.abort()
            return
        self.transport.write(close_frame(code, os.urandom(4) if self._masks else b""))
        self.finish_writing()
        if self.finished:
            self.transport.loseConnection()
        else:
            self.transport.resumeProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = self.finished = True
        if not self.other.lost and not self._tunnel.closing:
            if isinstance(reason.value, ConnectionDone):
                self.other.close()
            else:
                self.other.abort()
        self._tunnel.lost(self)


class Tunnel:
    """`deadline` is when its patience ends, on the monotonic clock. `why` says what ended it early."""

    def __init__(self, host: Host, opened: Opened, client: Transport, upstream: UpstreamConnection) -> None:
        self.opened = opened
        self.deadline = 0.0
        self.closing = False
        self.why = ""
        self._over = False
        self._host = host
        self._upstream = upstream
        frames = (Frames(), Frames()) if opened.websocket else (None, None)
        self._client = _End(self, client, frames[0], masks=False)
        self._server = _End(self, upstream.hand_over(), frames[1], masks=True)
        self._client.other, self._server.other = self._server, self._client

    def open(self, from_client: bytes, from_server: bytes, *, client_finished: bool) -> None:
        """Begins with what each side has sent already."""
        self.moved()
        self._server.take_over()
        self._client.take_over()
        if from_server:
            self._server.dataReceived(from_server)
        if from_client:
            self._client.dataReceived(from_client)
        if client_finished:
            self._client.readConnectionLost()

    @property
    def sent(self) -> int:
        """Bytes of the client."""
        return self._client.received

    @property
    def received(self) -> int:
        """Bytes of the server."""
        return self._server.received

    def moved(self) -> None:
        self._host.moved(self)

    def lost(self, end: _End) -> None:
        if end is self._server:
            self._upstream.gone()
        if self._client.lost and self._server.lost and not self._over:  # one end may be lost while the other is told
            self._over = True
            self._host.ended(self)

    # --- what a server asks of each of its connections (server.Accepted)

    idle_since = INFINITE

    def evict(self) -> None:
        """Its deadline is its own: --tunnel-idle."""

    @property
    def under_way(self) -> Exchange | None:
        return None if self.closing else self.opened.exchange

    def revoke(self, refused: Refused) -> None:
        self._end(NOT_ALLOWED, f"refused by now: {refused.reason}")

    def drain(self) -> None:
        """A WebSocket hears that we go; of other protocols nobody knows how to say it, they have the grace."""
        if self.opened.websocket:
            self._end(GOING_AWAY, "the proxy is stopping")

    def out_of_patience(self) -> None:
        if self.closing:
            self.cut()
        else:
            self._end(GOING_AWAY, "no byte moved within the deadline")

    def cut(self) -> None:
        self.why = self.why or "the proxy is stopping"
        self._client.abort()
        self._server.abort()

    def _end(self, code: int, why: str) -> None:
        if self.closing:
            return
        self.why = why
        self.closing = True
        self._host.closing(self)
        self._client.tell(code)
        self._server.tell(code)

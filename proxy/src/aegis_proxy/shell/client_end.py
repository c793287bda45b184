"""The wire to a client: pausing it, and ending it so that what was written last arrives."""

from aegis_proxy.core.pace import Pace
from aegis_proxy.shell.server import Server
from aegis_proxy.shell.transport import TcpProtocol

_DRAIN = 64 * 1024


class ClientEnd(TcpProtocol):
    """`deadline` is when patience with the client ends, on the monotonic clock."""

    def __init__(self, server: Server, deadline: float) -> None:
        self._server = server
        self.deadline = deadline
        self._pace: Pace | None = None  # of a body that is on its way
        self._buffer = b""  # what came and cannot be used yet
        self._paused = False
        self._closing = False
        self._written = False
        self._drained = 0
        self._half_closed = False

    def progress(self) -> None:
        deadline = self._server.clock() + self._server.deadlines.exchange
        self.deadline = deadline if self._pace is None else min(deadline, self._pace.deadline)

    def pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()
            if self._pace is not None:
                self._pace.pause(self._server.clock())
                self.progress()

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            self.transport.resumeProducing()
            if self._pace is not None:
                self._pace.resume(self._server.clock())
                self.progress()

    def stopProducing(self) -> None:
        """The connection is lost, of which `connectionLost` tells."""

    def _close(self) -> None:
        """Says that no more will come, and reads on for a moment: a close at once could destroy what was written."""
        self._closing = True
        self._buffer = b""
        self.deadline = self._server.clock() + self._server.deadlines.exchange
        self.transport.unregisterProducer()
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()
        if self._half_closed:
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def close_idle(self) -> None:
        self._closing = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def cut(self) -> None:
        self.transport.abortConnection()

    def _discard(self, data: bytes) -> None:
        """What comes while the connection closes; somebody who goes on sending does not want to read."""
        self._drained += len(data)
        if self._drained > _DRAIN:
            self.transport.abortConnection()

    def writeConnectionLost(self) -> None:
        """All is written, and our side closed, as `_close` asked."""
        self._written = True
        self.deadline = self._server.clock() + self._server.deadlines.drain

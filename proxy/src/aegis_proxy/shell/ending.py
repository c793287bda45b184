"""How a client connection of HTTP/1.1 ends, or what it serves: refused, broken off, out of patience, or left alone."""

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from aegis_proxy.core.refusals import BAD_BODY, BAD_REQUEST, REQUEST_TIMEOUT, Refused, answer
from aegis_proxy.shell.client_end import ClientEnd
from aegis_proxy.shell.crowd import INFINITE
from aegis_proxy.shell.exchange import Exchange
from aegis_proxy.shell.server import Server
from aegis_proxy.shell.upstream import Address


class EndingConnection(ClientEnd):
    """One client connection. `original` is where it was bound for before it was redirected, if it was."""

    def __init__(self, server: Server, peer: bytes, original: Address | None = None) -> None:
        super().__init__(server, server.clock() + server.deadlines.head)
        self._side = server.side
        self.peer = peer
        self.original = original
        self._began = 0.0  # when the first byte of the request came; 0.0 before it
        self._exchange: Exchange | None = None
        self._first = True  # nothing has come yet: HTTP/2 may begin
        self._full = False  # the client does not read what was written to it

    def _next(self, now: float) -> None:
        """Another request may come on this connection."""
        raise NotImplementedError

    def refuse(self, refused: Refused) -> None:
        """Answers a refusal; the connection stays open where its framing is known and the whole request was read."""
        exchange, self._exchange = self._exchange, None
        request = exchange.request if exchange else None
        close = refused.refusal.closes or exchange is None or exchange.last or self._server.draining
        if exchange is not None:
            exchange.abandon()
            if not exchange.sent_all and not close:
                close = not self._swallow(exchange)
        decision = self._server.records.refused(
            self._side.direction, refused, request, self.peer, exchange.route if exchange else None
        )
        head_only = request is not None and request.method == b"HEAD"
        self.transport.write(answer(refused.refusal, decision, close=close, head_only=head_only))
        if close:
            self._close()
        else:
            self._next(self._server.clock())

    def _swallow(self, exchange: Exchange) -> bool:
        """Takes the body of a refused request off the buffer, if it is all there and nobody waits to send it."""
        if exchange.request.expects_continue:
            return False
        try:
            self._buffer = exchange.feed(self._buffer)
        except Refused:
            return False
        return exchange.sent_all

    def fail(self, failure: Failure) -> None:
        self._server.records.defect(failure)
        self._drop()

    def abort(self, why: str) -> None:
        route = self._exchange.route if self._exchange else None
        self._server.records.aborted(self._side.direction, why, route)
        self._drop()

    @property
    def under_way(self) -> Exchange | None:
        return self._exchange

    def revoke(self, refused: Refused) -> None:
        if self._exchange is not None and self._exchange.response is None:
            self.refuse(refused)
        else:
            self.abort(f"refused by now: {refused.reason}")

    def _drop(self) -> None:
        exchange, self._exchange = self._exchange, None
        self._closing = True
        if exchange is not None:
            exchange.abandon()
        self.transport.abortConnection()

    def _give_up(self, exchange: Exchange, refused: Refused) -> None:
        """The request's body is no good; within a response that has begun there is no place for an answer."""
        if exchange.response is None:
            self.refuse(refused)
        else:
            self.abort(refused.detail)

    def drain(self) -> None:
        """Lets the connection end with its present exchange."""
        if self._exchange is not None:
            self._exchange.last = True
        elif not self._began and not self._closing:
            self.close_idle()

    @property
    def idle_since(self) -> float:
        """Also of one whose request head is not whole yet: who has a request to send, sends it at once."""
        if self._exchange is not None or self._closing:
            return INFINITE
        deadlines = self._server.deadlines
        return self._began or self.deadline - (deadlines.head if self._first else deadlines.idle)

    def evict(self) -> None:
        if self._began:
            self.refuse(Refused(REQUEST_TIMEOUT, "no whole request head, and its place was needed"))
            self.transport.loseConnection()
        else:
            self.close_idle()
        self.deadline = self._server.clock() + self._server.deadlines.drain

    def readConnectionLost(self) -> None:
        """The client sends no more. It may still wait for answers to whole requests."""
        self._half_closed = True
        if self._closing:
            self.transport.loseConnection()
        elif self._exchange is None and self._full:
            return  # there may be whole requests in what is held
        else:
            self._ended()

    def _ended(self) -> None:
        """No more will come than what is held: what is not whole by now never will be."""
        exchange = self._exchange
        if self._closing:
            return
        if exchange is not None:
            if exchange.accepts_body:
                self._give_up(exchange, Refused(BAD_BODY, "the connection ended before the body"))
        elif self._began:
            self.refuse(Refused(BAD_REQUEST, "the connection ended before the request head"))
        else:
            self._close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._server.connections.discard(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()
            self._server.records.aborted(self._side.direction, "the client went away", exchange.route)

    def out_of_patience(self) -> None:
        """The deadline has passed."""
        if self._closing and self._written:
            self.transport.loseConnection()
        elif self._closing:
            self.transport.abortConnection()
        elif self._exchange is not None:
            self._exchange.timed_out()
        elif self._began:
            self.refuse(Refused(REQUEST_TIMEOUT, "no whole request head within the deadline"))
        else:
            self.close_idle()

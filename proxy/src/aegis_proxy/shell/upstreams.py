"""Which version of HTTP an upstream gets: HTTP/2 with prior knowledge where it speaks that, else HTTP/1.1."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused
from aegis_proxy.settings import UpstreamProtocol
from aegis_proxy.shell.calls import Call
from aegis_proxy.shell.h2_link import Batch
from aegis_proxy.shell.h2_upstream import H2Call, H2UpstreamConnection
from aegis_proxy.shell.upstream import Address, UpstreamConnection, UpstreamPool

# A server that speaks HTTP/2 sends its SETTINGS at once (RFC 9113 section 3.4).
_SETTINGS_WITHIN = 1.0
# How long an upstream that did not is not asked again, and of how many we know that.
_ASK_AGAIN = 60.0
_REMEMBERED = 1024
_IDLE = 60.0


class Upstreams:
    """For requests that come, or go on, by HTTP/2. `protocol` is what upstreams are said to speak; AUTO finds out."""

    def __init__(self, pool: UpstreamPool, clock: Callable[[], float], protocol: UpstreamProtocol) -> None:
        self.batch = Batch()
        self._pool = pool
        self._clock = clock
        self._protocol = protocol
        self._connections: dict[Address, list[H2UpstreamConnection]] = {}
        self._dialling: dict[Address, list[Deferred[Call]]] = {}
        self._http1_until: dict[Address, float] = {}

    def call(self, address: Address, within: float | None = None) -> "Call | Deferred[Call]":
        """Where that takes a new connection, `within` so many seconds. Fails with Refused."""
        if self._protocol is UpstreamProtocol.HTTP1 or (
            self._http1_until.get(address, 0.0) > self._clock() and not self._pool.speaks_http2(address)
        ):
            fresh: Callable[[Address, float | None], Deferred[Any]] = self._pool.connect  # Deferred is invariant
            return self._pool.take(address) or fresh(address, within)
        for connection in self._connections.get(address, ()):
            if connection.has_room:
                return H2Call(connection)
        waiting: Deferred[Call] = Deferred()
        dialling = self._dialling.get(address)
        if dialling is not None:
            dialling.append(waiting)
        else:
            self._dialling[address] = [waiting]
            self._pool.connect(address, within).addCallbacks(
                self._connected, self._unreachable, callbackArgs=(address,), errbackArgs=(address,)
            )
        return waiting

    def _connected(self, upstream: UpstreamConnection, address: Address) -> None:
        connection = H2UpstreamConnection(self.batch, self._clock, lambda over: self._forget(address, over))
        timer = self._pool.reactor.callLater(_SETTINGS_WITHIN, connection.abort)

        def decide(speaks: bool) -> None:
            if timer.active():
                timer.cancel()
            if speaks and not connection.has_room:  # a fresh one: asking again would have no end
                self._fail(address, Refused(UPSTREAM_BROKEN, "upstream allows no stream"))
                connection.close()
            elif speaks:
                self._connections.setdefault(address, []).append(connection)
                self._serve(address)
            elif self._protocol is UpstreamProtocol.H2C or self._pool.speaks_http2(address):
                self._pool.forget_http2(address)  # or speaks neither: asking in turns would have no end
                self._fail(address, Refused(UPSTREAM_BROKEN, "upstream does not speak HTTP/2 with prior knowledge"))
            else:
                self._remember(address)
                self._serve(address)

        connection.ready.addCallback(decide)
        connection.take_over(upstream)

    def _remember(self, address: Address) -> None:
        self._http1_until[address] = self._clock() + _ASK_AGAIN
        if len(self._http1_until) > _REMEMBERED:
            del self._http1_until[next(iter(self._http1_until))]

    def _serve(self, address: Address) -> None:
        """Gives those who waited their calls."""
        with self.batch:
            for waiting in self._dialling.pop(address, ()):
                if waiting.called:  # nobody waits any more
                    continue
                call = self.call(address)
                if isinstance(call, Deferred):
                    call.chainDeferred(waiting)
                else:
                    waiting.callback(call)

    def _unreachable(self, failure: Failure, address: Address) -> None:
        self._fail(address, failure.value)

    def _fail(self, address: Address, error: Any) -> None:
        for waiting in self._dialling.pop(address, ()):
            if not waiting.called:
                waiting.errback(Failure(error))

    def _forget(self, address: Address, connection: H2UpstreamConnection) -> None:
        connections = self._connections.get(address, [])
        if connection in connections:
            connections.remove(connection)
            if not connections:
                del self._connections[address]

    def sweep(self) -> None:
        """Closes what nobody has used for a while; called about once a second."""
        now = self._clock()
        for connections in list(self._connections.values()):
            for connection in list(connections):
                if not connection.users and now - connection.idle_since > _IDLE:
                    connection.close()

    def close(self) -> None:
        for connections in list(self._connections.values()):
            for connection in list(connections):
                connection.abort()

"""One direction of the proxy: what its connections share, and what is done with all of them.

What judges is a `Side` (`ingress` or `egress`): it turns a request into a `Route`, or refuses.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from typing import Protocol as Interface

from twisted.internet.defer import Deferred, fail

from aegis_proxy.core.refusals import UPGRADE_REFUSED, Refused
from aegis_proxy.core.request import Request
from aegis_proxy.core.request_reader import RequestReader
from aegis_proxy.settings import MOST_CONNECTIONS, UpstreamProtocol
from aegis_proxy.shell.calls import Call
from aegis_proxy.shell.crowd import Crowd
from aegis_proxy.shell.exchange import Judged, Route
from aegis_proxy.shell.records import Records
from aegis_proxy.shell.transport import Transport
from aegis_proxy.shell.tunnel import Opened, Tunnel
from aegis_proxy.shell.upstream import Address, UpstreamConnection, UpstreamPool

if TYPE_CHECKING:
    from aegis_proxy.shell.upstreams import Upstreams


class Deadlines(NamedTuple):
    """Seconds: for a whole request head, between requests, without progress in an exchange, to drain a refusal, and
    without progress in a tunnel. `body_rate` is the fewest bytes per second (0: any) of a request body that says its
    length, counted from `body_grace` on.
    """

    head: float = 10.0
    idle: float = 300.0
    exchange: float = 300.0
    drain: float = 1.0
    tunnel: float = 3600.0
    body_rate: float = 64.0
    body_grace: float = 60.0


class Connected(Interface):
    """The connection that a request came on. `original` is where it was bound for before it was redirected."""

    peer: bytes
    original: Address | None
    transport: Transport


class Side(Interface):
    """One direction of the proxy. `canonical` and `role_of` are what `parse_request` takes."""

    @property
    def direction(self) -> str: ...

    @property
    def canonical(self) -> bool: ...

    @property
    def role_of(self) -> Callable[[bytes], int]: ...

    def route(self, request: Request, connection: Connected) -> "Route | Deferred[Route]":
        """Judges a request. Raises, or fails with, Refused."""


class Accepted(Interface):
    """A connection of a listener, in whatever state. `deadline` is when its patience ends, on the monotonic clock.

    `idle_since` and `evict` are those of crowd.Waiting.
    """

    @property
    def deadline(self) -> float: ...

    @property
    def idle_since(self) -> float: ...

    def evict(self) -> None: ...

    @property
    def under_way(self) -> Judged | None:
        """The request that goes on, or that a tunnel was opened for; None if there is none."""

    def revoke(self, refused: Refused) -> None:
        """Ends what is under way: it would be refused by now."""

    def drain(self) -> None:
        """Lets the connection end with what is under way."""

    def out_of_patience(self) -> None:
        """The deadline has passed."""

    def cut(self) -> None:
        """Ends it in the middle of whatever it does."""


class Server:
    """The connections of one listener, and what they share."""

    def __init__(
        self,
        side: Side,
        pool: UpstreamPool,
        records: Records,
        clock: Callable[[], float],
        deadlines: Deadlines,
        protocol: UpstreamProtocol = UpstreamProtocol.AUTO,
        crowd: Crowd | None = None,
    ) -> None:
        self.side = side
        self.reader = RequestReader(side.role_of, canonical=side.canonical)
        self.pool = pool
        self.records = records
        self.clock = clock
        self.deadlines = deadlines
        self.connections: set[Accepted] = set()
        self.draining = False
        self.crowd = crowd or Crowd(MOST_CONNECTIONS)
        self._protocol = protocol

    def has_room(self) -> bool:
        """Whether one more connection may come. One too many is closed without a word: nothing of it has been read."""
        return self.crowd.admits(self.connections)

    def open_tunnel(self, opened: Opened, client: Transport, upstream: UpstreamConnection) -> Tunnel:
        tunnel = Tunnel(self, opened, client, upstream)
        self.connections.add(tunnel)
        return tunnel

    def dial(self, request: Request, route: Route, *, fresh: bool) -> "Call | Deferred[Call]":
        """For a request that came by HTTP/1.1: see exchange.Client. Fails with Refused."""

        def attempt(address: Address, within: float) -> "Call | Deferred[Call]":
            if self._protocol is UpstreamProtocol.HTTP1 or not (
                self._protocol is UpstreamProtocol.H2C or self.pool.speaks_http2(address)
            ):
                made: Callable[[Address, float], Deferred[Any]] = self.pool.connect  # Deferred is invariant
                return (None if fresh else self.pool.take(address)) or made(address, within)
            if request.upgrade:
                return fail(Refused(UPGRADE_REFUSED, "an upgrade, to an upstream that speaks HTTP/2 alone"))
            return self.upstreams.call(address, within)

        return self.pool.reach.first(route.addresses, attempt)

    def call(self, route: Route) -> "Call | Deferred[Call]":
        """For a request that came by HTTP/2. Fails with Refused."""
        return self.pool.reach.first(route.addresses, self.upstreams.call)

    @cached_property
    def upstreams(self) -> "Upstreams":
        """For requests that come, or go on, by HTTP/2."""
        from aegis_proxy.shell.upstreams import Upstreams  # who only speaks HTTP/1.1 never loads it

        return Upstreams(self.pool, self.clock, self._protocol)

    # --- what a tunnel asks for (tunnel.Host)

    def moved(self, tunnel: Tunnel) -> None:
        tunnel.deadline = self.clock() + self.deadlines.tunnel

    def closing(self, tunnel: Tunnel) -> None:
        tunnel.deadline = self.clock() + self.deadlines.drain

    def ended(self, tunnel: Tunnel) -> None:
        self.connections.discard(tunnel)
        self.records.tunnelled(self.side.direction, tunnel, self.clock())

    def sweep(self) -> None:
        """Ends what has waited too long; called about once a second."""
        now = self.clock()
        for connection in [each for each in self.connections if each.deadline < now]:
            connection.out_of_patience()
        if "upstreams" in self.__dict__:
            self.upstreams.sweep()

    def drain(self) -> None:
        """Lets no connection outlive its present exchange."""
        self.draining = True
        for connection in list(self.connections):
            connection.drain()

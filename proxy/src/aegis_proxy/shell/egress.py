"""The way out: where does the app's request go, does it get the pod's token, and on to the address we resolved."""

from collections.abc import Callable, Container

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core.egress import Destination, Destinations, forbidden, head_for_upstream, to_connect
from aegis_proxy.core.fields import egress_role
from aegis_proxy.core.refusals import CLOSED, CONNECT_REFUSED, FORBIDDEN_DESTINATION, NO_EGRESS_TOKEN, Refused
from aegis_proxy.core.request import Request
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.shell.control import Control
from aegis_proxy.shell.exchange import Judged, Route
from aegis_proxy.shell.resolver import Resolver
from aegis_proxy.shell.server import Connected
from aegis_proxy.shell.token_source import TokenUnavailable
from aegis_proxy.shell.upstream import Address

OriginalDestination = Callable[[Connected], Address | None]

Addresses = tuple[Address, ...]

# What of requests that come again is kept, at most.
_MOST_STANDING = 512
# How many addresses of a name are tried: each gets a share of the time to connect.
_MOST_ADDRESSES = 4
# Labels of routes (see exchange.Route).
_TOKEN, _PLAIN, _CONNECT = (("token", "", "", "", ""), ("plain", "", "", "", ""), ("connect", "", "", "", ""))


class _Standing:
    """What a request came to, and all that decided. No value with a repr: the route's head holds the token.

    `found` is what the resolver had at hand, None where it was not asked.
    """

    __slots__ = ("found", "goal", "original", "request", "route", "snapshot", "token")

    route: Route

    def __init__(
        self,
        request: Request,
        snapshot: Snapshot,
        goal: Destination,
        original: Address | None,
        found: Address | tuple[str, ...] | None,
        token: bytes,
    ) -> None:
        self.request = request
        self.snapshot = snapshot
        self.goal = goal
        self.original = original
        self.found = found
        self.token = token


class EgressSide:
    """`own` are the addresses of the proxy's own listeners: a request to them would go round in circles.

    `original` finds where a redirected connection was bound for; None for one that the app made to the proxy itself.
    `connect_ports` are those to which a CONNECT may lead. `keep_own`: see `core.egress.destination`.
    """

    direction = "outbound"
    canonical = False
    role_of = staticmethod(egress_role)

    def __init__(
        self,
        control: Control,
        resolver: Resolver,
        namespace: str,
        own: Container[Address],
        original: OriginalDestination,
        connect_ports: frozenset[int] = frozenset(),
        keep_own: bool = False,
    ) -> None:
        self._control = control
        self._resolver = resolver
        self._namespace = namespace
        self._own = own
        self._original = original
        self._connect_ports = connect_ports
        self._destinations = Destinations(namespace, keep_own)
        self._standing: dict[int, _Standing] = {}

    def route(self, request: Request, connection: Connected) -> "Route | Deferred[Route]":
        if request.method == b"CONNECT":
            return self._connect(request, connection)
        original = self._original(connection)
        if request.again and (route := self._still_standing(request, original)) is not None:
            return route
        goal = self._goal(request)
        if original is not None and not goal.audience:
            return self._kept(_Standing(request, self._control.snapshot, goal, original, None, b""), (original,))
        address = self._resolver.fixed(goal.host, goal.port)
        known = () if address is not None else self._resolver.addresses(goal.host)
        if isinstance(known, Deferred):
            return Deferred.fromCoroutine(self._resolved(request, known, original))
        found = (address,) if address is not None else _at_port(known, goal.port)
        audience, addresses = _led(goal, found, original)
        token = self._token(audience)
        if not isinstance(token, bytes):
            return Deferred.fromCoroutine(self._with_token(request, token, addresses))
        if audience != goal.audience:
            return self._route(request, token, addresses)
        standing = _Standing(request, self._control.snapshot, goal, original, address or known, token)
        return self._kept(standing, addresses)

    def _still_standing(self, request: Request, original: Address | None) -> Route | None:
        """What this very request came to before, if all that decided is the same: snapshot, addresses and token."""
        standing = self._standing.get(id(request))
        if standing is None or standing.original != original:
            return None
        goal, tokens = standing.goal, self._control.tokens
        token = tokens.cached(goal.audience) if goal.audience and tokens is not None else b""
        if token is not standing.token or standing.snapshot is not self._control.snapshot:
            self._standing.clear()  # a token that is not sent any more is not kept either
            return None
        if standing.found is None or self._resolver.at_hand(goal.host, goal.port) is standing.found:
            return standing.route
        return None

    def _kept(self, standing: "_Standing", addresses: Addresses) -> Route:
        request = standing.request
        route = standing.route = self._route(request, standing.token, addresses)
        if request.again:
            if len(self._standing) >= _MOST_STANDING:
                del self._standing[next(iter(self._standing))]
            self._standing[id(request)] = standing  # which keeps the request, so that no other one gets its id
        return route

    def _goal(self, request: Request) -> Destination:
        """By the snapshot of the moment. Whoever waits asks again afterwards, so that one snapshot decides all."""
        snapshot = self._control.snapshot
        if snapshot.closed:
            raise Refused(CLOSED, snapshot.closed)
        return self._destinations.find(request, snapshot)

    def expired(self, exchange: Judged) -> bool:
        """Whether the token was good is for the destination to say, again and again."""
        return False

    def review(self, exchange: Judged) -> Refused | None:
        """A stream goes on under this pod's identity only while it could be opened so."""
        if exchange.route is None or exchange.route.label[0] != "token":
            return None
        try:
            self._goal(exchange.request)
        except Refused as refused:
            return refused
        return None

    def _connect(self, request: Request, connection: Connected) -> "Route | Deferred[Route]":
        if self._original(connection) is not None:
            raise Refused(CONNECT_REFUSED, "CONNECT on a redirected connection, which is bound for somebody else")
        goal = to_connect(request, self._connect_ports, self._namespace)
        address = self._resolver.fixed(goal.host, goal.port)
        if address is None:
            return Deferred.fromCoroutine(self._looked_up(goal))
        return self._tunnel((address,))

    async def _looked_up(self, goal: Destination) -> Route:
        found = self._resolver.addresses(goal.host)
        known = found if isinstance(found, tuple) else await found
        return self._tunnel(_at_port(known, goal.port)[:_MOST_ADDRESSES])

    def _tunnel(self, addresses: Addresses) -> Route:
        first, *others = self._permitted(addresses)
        return Route(first, b"", _CONNECT, others=tuple(others))

    async def _resolved(
        self, request: Request, looked_up: "Deferred[tuple[str, ...]]", original: Address | None
    ) -> Route:
        known = await looked_up
        goal = self._goal(request)
        audience, addresses = _led(goal, _at_port(known, goal.port), original)
        token = self._token(audience)
        return self._route(request, token if isinstance(token, bytes) else await token, addresses)

    async def _with_token(self, request: Request, token: "Deferred[bytes]", addresses: Addresses) -> Route:
        return self._route(request, await token, addresses)

    def _token(self, audience: str) -> "bytes | Deferred[bytes]":
        """The token for an audience, nothing for none. Raises, or fails with, Refused: never the request without it."""
        if not audience:
            return b""
        tokens = self._control.tokens
        if tokens is None:
            raise Refused(NO_EGRESS_TOKEN, "no identity is configured")
        cached = tokens.cached(audience)
        return cached if cached is not None else tokens.fetch(audience).addErrback(_refused)

    def _route(self, request: Request, token: bytes, addresses: Addresses) -> Route:
        addresses = self._permitted(addresses)
        return Route(addresses[0], head_for_upstream(request, token), _TOKEN if token else _PLAIN, others=addresses[1:])

    def _permitted(self, addresses: Addresses) -> Addresses:
        """Those of a destination's addresses that may be called. Raises Refused where that is none."""
        why = ""
        permitted = []
        for address in addresses:
            if reason := forbidden(address, self._own):
                why = why or reason
            else:
                permitted.append(address)
        if not permitted:
            raise Refused(FORBIDDEN_DESTINATION, why)
        return tuple(permitted) if why else addresses


def _at_port(hosts: tuple[str, ...], port: int) -> Addresses:
    return tuple((host, port) for host in hosts)


def _led(goal: Destination, found: Addresses, original: Address | None) -> tuple[str, Addresses]:
    """(audience of the token, addresses to try), where `found` are the addresses of the host that the request names.

    A redirected connection goes on to where it was going; with a token only if that is one of them.
    """
    if original is None:
        return goal.audience, found[:_MOST_ADDRESSES]
    return (goal.audience if original in found else ""), (original,)


def _refused(failure: Failure) -> Failure:
    error = failure.value
    return Failure(Refused(NO_EGRESS_TOKEN, str(error))) if isinstance(error, TokenUnavailable) else failure

"""The way out: where does the app's request go, does it get the pod's token, and on to the address we resolved."""

from collections.abc import Callable, Set

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core.egress import Destination, destination, forbidden, head_for_upstream
from aegis_proxy.core.fields import egress_role
from aegis_proxy.core.refusals import CLOSED, FORBIDDEN_DESTINATION, NO_EGRESS_TOKEN, Refused
from aegis_proxy.core.request import Request
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.shell.control import Control
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.resolver import Resolver
from aegis_proxy.shell.server import ServerConnection
from aegis_proxy.shell.token_source import TokenUnavailable
from aegis_proxy.shell.upstream import Address

OriginalDestination = Callable[[ServerConnection], Address | None]


class EgressSide:
    """`own` are the addresses of the proxy's own listeners: a request to them would go round in circles.

    `original` finds where a redirected connection was bound for; None for one that the app made to the proxy itself.
    """

    direction = "outbound"
    canonical = False
    role_of = staticmethod(egress_role)

    def __init__(
        self,
        control: Control,
        resolver: Resolver,
        namespace: str,
        own: Set[Address],
        original: OriginalDestination,
    ) -> None:
        self._control = control
        self._resolver = resolver
        self._namespace = namespace
        self._own = own
        self._original = original

    def route(self, request: Request, connection: ServerConnection) -> "Route | Deferred[Route]":
        snapshot = self._control.snapshot
        if snapshot.closed:
            raise Refused(CLOSED, snapshot.closed)
        goal = destination(request, snapshot, self._namespace)
        original = self._original(connection)
        if original is not None:
            return Deferred.fromCoroutine(self._redirected(request, snapshot, goal, original))
        address = self._resolver.fixed(goal.host, goal.port)
        if address is None:
            found = self._resolver.addresses(goal.host)
            if isinstance(found, Deferred):
                return Deferred.fromCoroutine(self._resolved(request, goal, found))
            address = found[0], goal.port
        token = self._token(goal.audience)
        if isinstance(token, bytes):
            return self._route(request, token, address)
        return Deferred.fromCoroutine(self._with_token(request, token, address))

    async def _resolved(self, request: Request, goal: Destination, found: "Deferred[tuple[str, ...]]") -> Route:
        address = (await found)[0], goal.port
        token = self._token(goal.audience)
        return self._route(request, token if isinstance(token, bytes) else await token, address)

    async def _with_token(self, request: Request, token: "Deferred[bytes]", address: Address) -> Route:
        return self._route(request, await token, address)

    async def _redirected(self, request: Request, snapshot: Snapshot, goal: Destination, original: Address) -> Route:
        """On to where the app was going; with a token only if that is an address of the host the request names."""
        audience = goal.audience
        if audience:
            found = self._resolver.addresses(goal.host)
            known = found if isinstance(found, tuple) else await found
            if original not in [(address, goal.port) for address in known]:
                audience = ""
        token = self._token(audience)
        return self._route(request, token if isinstance(token, bytes) else await token, original)

    def _token(self, audience: str) -> "bytes | Deferred[bytes]":
        """The token for an audience, nothing for none. Raises, or fails with, Refused: never the request without it."""
        if not audience:
            return b""
        tokens = self._control.tokens
        if tokens is None:
            raise Refused(NO_EGRESS_TOKEN, "no identity is configured")
        cached = tokens.cached(audience)
        return cached if cached is not None else tokens.fetch(audience).addErrback(_refused)

    def _route(self, request: Request, token: bytes, address: Address) -> Route:
        if why := forbidden(address, self._own):
            raise Refused(FORBIDDEN_DESTINATION, why)
        label = ("token" if token else "plain", "", "", "", "")
        return Route(address, head_for_upstream(request, token), label)


def _refused(failure: Failure) -> Failure:
    error = failure.value
    return Failure(Refused(NO_EGRESS_TOKEN, str(error))) if isinstance(error, TokenUnavailable) else failure

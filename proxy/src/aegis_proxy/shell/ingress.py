"""The way in: who sent it, is that allowed, and on to the app on loopback."""

from collections.abc import Callable

from twisted.internet.defer import Deferred

from aegis_proxy.core.fields import ingress_role
from aegis_proxy.core.ingress import Permit, UnknownKey, head_for_app, judge
from aegis_proxy.core.refusals import NO_UPSTREAM, Refused
from aegis_proxy.core.request import Request
from aegis_proxy.core.standing import Standing
from aegis_proxy.core.token_cache import TokenCache
from aegis_proxy.shell.control import Control
from aegis_proxy.shell.exchange import Judged, Route
from aegis_proxy.shell.records import Records
from aegis_proxy.shell.server import Connected
from aegis_proxy.shell.upstream import Address

OriginalDestination = Callable[[Connected], Address | None]


class IngressSide:
    """Judges by the snapshot of the moment. `upstream` is fixed by settings or found for each connection; never by the
    request. `wall` is seconds since 1970.
    """

    direction = "inbound"
    canonical = True
    role_of = staticmethod(ingress_role)

    def __init__(
        self,
        control: Control,
        records: Records,
        wall: Callable[[], float],
        upstream: Address | OriginalDestination,
    ) -> None:
        self._control = control
        self._records = records
        self._wall = wall
        self._upstream = upstream
        self._cache = TokenCache()
        self._standing: Standing[tuple[bytes, Route]] = Standing()

    def route(self, request: Request, connection: Connected) -> "Route | Deferred[Route]":
        snapshot, now = self._control.snapshot, self._wall()
        standing = self._standing.find(request, snapshot, now)
        if standing is not None:
            peer, route = standing
            if peer == connection.peer and route.address == self._address(connection):
                return route
        try:
            permit = judge(request, snapshot, self._cache, now)
        except UnknownKey as unknown:
            refetched = self._control.refetch_keys(unknown.refused.issuer, unknown.refused.kid or "")
            if refetched is None:
                return self._route(self._judge_again(request), connection)
            return refetched.addCallback(lambda _: self._route(self._judge_again(request), connection))
        route = self._route(permit, connection)
        self._standing.keep(permit, snapshot, (connection.peer, route))
        return route

    def _judge_again(self, request: Request) -> Permit:
        return judge(request, self._control.snapshot, self._cache, self._wall(), refetched=True)

    def _route(self, permit: Permit, connection: Connected) -> Route:
        address = self._address(connection)
        if address is None:
            raise Refused(NO_UPSTREAM, "the connection was not redirected, and --ingress-upstream is not set")
        caller, grant = permit.caller, permit.grant
        provider = caller.provider if caller else ""
        head = head_for_app(permit, connection.peer)
        if grant is None:
            assert permit.would_refuse is not None
            self._records.let_through(self.direction, permit.would_refuse, permit.request, connection.peer)
            label = ("dry_run", permit.would_refuse.reason, provider, "", "")
        else:
            label = ("allow", "", provider, grant.policy, grant.rule)
        return Route(address, head, label, caller.subject_text if caller else b"", permit)

    def _address(self, connection: Connected) -> Address | None:
        return self._upstream if isinstance(self._upstream, tuple) else self._upstream(connection)

    def expired(self, exchange: Judged) -> bool:
        permit = exchange.route.permit if exchange.route else None
        return permit is not None and permit.caller is not None and self._wall() >= permit.caller.expires_at

    def review(self, exchange: Judged) -> Refused | None:
        try:
            judge(exchange.request, self._control.snapshot, self._cache, self._wall(), refetched=True)
        except Refused as refused:
            return refused
        return None

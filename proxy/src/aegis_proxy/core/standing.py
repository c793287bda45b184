"""Permits that stand: what was allowed once holds for the same request, until something that decided it changes."""

from typing import Generic, TypeVar

from aegis_proxy.core.ingress import Permit
from aegis_proxy.core.request import Request
from aegis_proxy.core.snapshot import Snapshot

T = TypeVar("T")

# As many as a RequestReader remembers requests.
_REMEMBERED = 512


class Standing(Generic[T]):
    """What was made of permits, for requests that come `again`.

    `judge` decides by the request, the snapshot and the time. The first two are compared by identity; the third counts
    only for the token, which says how long it is good. Refusals, and what passed without a token, are judged each time.
    """

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._known: dict[int, tuple[Permit, float, float, T]] = {}

    def find(self, request: Request, snapshot: Snapshot, now: float) -> T | None:
        """What was kept of this very request, if it would be permitted anew (`now`: seconds since 1970)."""
        known = self._known.get(id(request))
        if known is None or snapshot is not self._snapshot:
            return None
        _, since, until, made = known
        return made if since <= now < until else None

    def keep(self, permit: Permit, snapshot: Snapshot, made: T) -> None:
        """`permit` is what `judge` gave by this snapshot."""
        caller = permit.caller
        if caller is None or permit.grant is None or not permit.request.again:
            return
        if snapshot is not self._snapshot:
            self._snapshot, self._known = snapshot, {}
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        # The permit keeps its request alive: no other one has its id.
        self._known[id(permit.request)] = permit, caller.not_before, caller.expires_at, made

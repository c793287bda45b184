"""What goes on for long is judged again: a tunnel, a stream of events or a long transfer outlives neither its token
nor the policy that let it in.
"""

from collections.abc import Callable
from typing import Protocol as Interface

from aegis_proxy.core.refusals import Refused
from aegis_proxy.shell.exchange import Judged
from aegis_proxy.shell.records import Records
from aegis_proxy.shell.server import Server


class Judge(Interface):
    """The side of a listener, once more."""

    def expired(self, exchange: Judged) -> bool:
        """Whether time alone may have changed the verdict."""

    def review(self, exchange: Judged) -> Refused | None:
        """Why this request would be refused now; None if it would pass."""


class Review:
    """Ends what would have been refused for `grace` seconds. `clock` is monotonic."""

    def __init__(
        self, judge: Judge, server: Server, records: Records, clock: Callable[[], float], grace: float
    ) -> None:
        self._judge = judge
        self._server = server
        self._records = records
        self._clock = clock
        self._grace = grace
        self._condemned: dict[Judged, float] = {}

    def all(self) -> None:
        """Something new is in force, by which nothing that goes on was judged."""
        self._run(lambda _: True)

    def due(self) -> None:
        """Called about once a second: what has expired, and what is condemned and was not acquitted meanwhile."""
        self._run(lambda exchange: exchange in self._condemned or self._judge.expired(exchange))

    def _run(self, concerned: Callable[[Judged], bool]) -> None:
        now = self._clock()
        condemned: dict[Judged, float] = {}
        for connection in list(self._server.connections):
            exchange = connection.under_way
            if exchange is None or exchange.route is None or not concerned(exchange):
                continue
            refused = self._judge.review(exchange)
            if refused is None:
                continue
            since = self._condemned.get(exchange, now)
            if now - since < self._grace:
                condemned[exchange] = since
            else:
                self._records.revoked(self._server.side.direction, refused, exchange)
                connection.revoke(refused)
        self._condemned = condemned

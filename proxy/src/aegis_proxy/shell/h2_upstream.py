"""Connections of HTTP/2 to upstreams: many requests at a time on each. RFC 9113."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from aegis_proxy.core import h2_fields
from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core.fields import egress_role
from aegis_proxy.core.h2_connection import Connection
from aegis_proxy.core.h2_events import Broken, Event, GoAway, Headers, Settled
from aegis_proxy.core.h2_fields import Malformed
from aegis_proxy.core.h2_request import BodyCount
from aegis_proxy.core.h2_response import body_count, parse_h2_response
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused
from aegis_proxy.core.request import Request
from aegis_proxy.core.response import Response
from aegis_proxy.shell.calls import Caller, UpstreamReset
from aegis_proxy.shell.h2_link import Batch, Link
from aegis_proxy.shell.upstream import UpstreamConnection

_MAX_INTERIM = 8


class H2UpstreamConnection(Link):
    """`ready` fires with whether the other side speaks HTTP/2. `idle_since` is 0.0 while streams are open."""

    def __init__(
        self, batch: Batch, clock: Callable[[], float], over: Callable[["H2UpstreamConnection"], None]
    ) -> None:
        super().__init__(Connection(client=True), batch, clock)
        self.ready: Deferred[bool] = Deferred()
        self.idle_since = clock()
        self._over = over
        self._upstream: UpstreamConnection | None = None

    def take_over(self, upstream: UpstreamConnection) -> None:
        """Speaks HTTP/2 on a new connection."""
        self._upstream = upstream
        transport: Any = upstream.hand_over()
        transport.protocol = self
        self.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted types only its interfaces

    @property
    def has_room(self) -> bool:
        return self.h2.settled and not self.h2.broken and self.h2.room

    def headers(self, event: Headers) -> None:
        user = self.users.get(event.stream)
        if isinstance(user, H2Call):
            user.headers(event)

    def rare(self, event: Event) -> None:
        if isinstance(event, Settled):
            self.ready.callback(True)
        elif isinstance(event, GoAway):
            for number in [number for number in self.users if number > event.last]:
                user = self.forget(number)
                self.h2.reset(number, h2.CANCEL)
                if user is not None:
                    user.reset(h2.REFUSED_STREAM, False)
            self._close_if_over()

    def _close_if_over(self) -> None:
        if self.h2.closing and not self.users:
            self.transport.loseConnection()

    def finished(self, number: int) -> None:
        self.forget(number)
        if not self.users:
            self.idle_since = self.clock()
            self._close_if_over()

    def broken(self, event: Broken) -> None:
        self.flush()
        self.transport.loseConnection()
        self._end(f"HTTP/2 connection error {event.code}: {event.detail}")

    def close(self) -> None:
        self.h2.go_away(h2.NO_ERROR)
        self.flush()
        self.transport.loseConnection()

    def abort(self) -> None:
        self.transport.abortConnection()

    def connectionLost(self, *_: object) -> None:
        if self._upstream is not None:
            self._upstream.gone()
        self._end("the connection was closed before the response was whole")

    def _end(self, why: str) -> None:
        self._over(self)
        if not self.ready.called:
            self.ready.callback(False)
        with self.batch:
            self.lose(why)


class H2Call:
    """One request on such a connection (calls.Call, h2_link.StreamUser)."""

    def __init__(self, connection: H2UpstreamConnection) -> None:
        self._connection = connection
        self._number = 0
        self._caller: Caller | None = None
        self._method = b""
        self._interim = 0
        self._response: Response | None = None
        self._count = BodyCount(None)
        self._paused = False
        self._unacknowledged = 0

    # --- calls.Call

    def start(self, caller: Caller, request: Request, head: bytes, *, ended: bool) -> None:
        connection = self._connection
        self._caller = caller
        self._method = request.method
        connection.idle_since = 0.0
        self._number = connection.h2.open(h2_fields.of_request(head), ended=ended, secret=request.secret)
        connection.users[self._number] = self
        connection.batch.touch(connection)

    def send(self, payload: bytes, *, ended: bool) -> None:
        if (payload or ended) and not self._connection.send_data(self._number, payload, ended=ended):
            assert self._caller is not None
            self._caller.pause_sending()

    def pause_receiving(self) -> None:
        self._paused = True

    def resume_receiving(self) -> None:
        self._paused = False
        size, self._unacknowledged = self._unacknowledged, 0
        if size:
            self._connection.acknowledge(self._number, size)

    def release(self, *, complete: bool) -> None:
        self._finish(h2.NO_ERROR if complete else h2.CANCEL)

    def abandon(self) -> None:
        self._finish(h2.CANCEL)

    def _finish(self, code: int) -> None:
        """Resets the stream, unless it is over; gives what nobody took back to the connection."""
        self._caller = None
        self.resume_receiving()
        self._connection.reset(self._number, code)
        self._connection.finished(self._number)

    # --- h2_link.StreamUser

    def headers(self, section: Headers) -> None:
        caller = self._caller
        assert caller is not None
        try:
            if self._response is not None:
                self._count.add(0, True)
                caller.trailers(h2_fields.trailers(section.fields, egress_role))
                return
            response = parse_h2_response(section.fields, self._method, ended=section.ended, secret=section.secret)
            if response.status < 200:
                self._interim += 1
                if self._interim > _MAX_INTERIM:
                    raise Refused(UPSTREAM_BROKEN, f"more than {_MAX_INTERIM} interim responses")
                caller.interim(response)
                return
        except Refused as refused:
            self._fail(refused)
            return
        self._response = response
        self._count = body_count(response)
        caller.respond(response, b"", section.ended)

    def data(self, payload: bytes, size: int, ended: bool) -> None:
        caller = self._caller
        assert caller is not None
        try:
            self._count.add(len(payload), ended)
        except Malformed as malformed:
            self._fail(malformed)
            return
        self._unacknowledged += size
        caller.more(payload, ended)
        if not self._paused and self._caller is not None:
            self.resume_receiving()

    def _fail(self, refused: Refused) -> None:
        caller, self._caller = self._caller, None
        self._connection.reset(self._number, h2.PROTOCOL_ERROR)
        self._connection.finished(self._number)
        if caller is not None:
            caller.broken(Refused(UPSTREAM_BROKEN, refused.detail), False)

    def reset(self, code: int, ours: bool) -> None:
        """REFUSED_STREAM says that nothing was done (section 8.7): the request may be sent again."""
        caller, self._caller = self._caller, None
        self._connection.finished(self._number)
        if caller is not None:
            caller.broken(UpstreamReset(code), code == h2.REFUSED_STREAM and self._response is None)

    def lost(self, why: str) -> None:
        caller, self._caller = self._caller, None
        if caller is not None:
            caller.broken(Refused(UPSTREAM_BROKEN, why), False)

    def progress(self) -> None:
        """The caller's deadline is not put off by what its upstream reads."""

    def drained(self) -> None:
        if self._caller is not None:
            self._caller.resume_sending()

    def sent(self) -> None:
        """The response decides when the call is over."""

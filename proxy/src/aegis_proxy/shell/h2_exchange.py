"""One stream of a client's connection: a request and its response, as they stream through.

Streams are judged one by one. Each stands for itself among the connections of its server (server.Accepted), so it has
its own deadline, and is judged again on its own.
"""

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core import grpc, h2_fields
from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core.h2_events import Fields, Headers
from aegis_proxy.core.h2_fields import Malformed
from aegis_proxy.core.h2_request import body_count, parse_h2_request
from aegis_proxy.core.refusals import REQUEST_TIMEOUT, UPSTREAM_TIMEOUT, Refused
from aegis_proxy.core.request import Request
from aegis_proxy.core.response import Response
from aegis_proxy.shell.calls import Call, UpstreamReset
from aegis_proxy.shell.crowd import INFINITE
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.h2_body import RequestBody
from aegis_proxy.shell.waiting import Waiter

if TYPE_CHECKING:
    from aegis_proxy.shell.h2_server import H2ServerConnection


class StreamExchange(Waiter):
    def __init__(self, connection: "H2ServerConnection", number: int, began: float) -> None:
        super().__init__()
        self._connection = connection
        self._server = connection.server
        self._number = number
        self._grpc = False
        self._body = RequestBody(lambda size: connection.acknowledge(number, size))
        self._refused = False
        self._repeated = False
        self._call: Call | None = None
        self.began = began
        self.deadline = began + self._server.deadlines.exchange
        self._request: Request | None = None
        self.route: Route | None = None
        self.response: Response | None = None
        self.sent_bytes = 0

    @property
    def request(self) -> Request:
        assert self._request is not None
        return self._request

    # --- from the client (h2_link.StreamUser)

    def begin(self, section: Headers) -> None:
        side = self._server.side
        self._body.complete = section.ended
        self._grpc = grpc.is_grpc_section(section.fields)
        try:
            request = parse_h2_request(
                section.fields, side.role_of, canonical=side.canonical, ended=section.ended, secret=section.secret
            )
            self._request = request
            self._body.expect(body_count(request))
            route = side.route(request, self._connection)
        except Refused as refused:
            self.refuse(refused)
            return
        if isinstance(route, Route):
            self._go(route)
        else:
            self.wait(route, self._go)

    def data(self, payload: bytes, size: int, ended: bool) -> None:
        self.progress()
        try:
            self._body.add(payload, size, ended)
        except Malformed as malformed:
            self.refuse(malformed)

    def end_with(self, fields: Fields) -> None:
        """Trailers: they end the request and are not passed on."""
        try:
            h2_fields.trailers(fields, self._server.side.role_of)
        except Malformed as malformed:
            self.refuse(malformed)
            return
        self.data(b"", 0, True)

    def reset(self, code: int, ours: bool) -> None:
        self.lost(f"the stream was reset by {'us' if ours else 'the client'}, error {code}")

    def lost(self, why: str) -> None:
        self._abandon()
        self._end()
        if not self._refused:
            self._server.records.aborted(self._server.side.direction, why, self.route)

    def progress(self) -> None:
        self.deadline = self._server.clock() + self._server.deadlines.exchange

    # --- on to upstream

    def _go(self, route: Route) -> None:
        self.route = route
        self._dial()

    def _dial(self) -> None:
        assert self.route is not None
        call = self._server.call(self.route)
        if isinstance(call, Deferred):
            self.wait(call, self._start)
        else:
            self._start(call)

    def fail(self, failure: Failure) -> None:
        self._server.records.defect(failure)
        self._abandon()
        self._reset(h2.INTERNAL_ERROR)

    def _start(self, call: Call) -> None:
        route, self._call = self.route, call
        assert route is not None
        with self._connection.batch:
            self._body.go_to(call, lambda ended: call.start(self, self.request, route.head, ended=ended))

    def pause_sending(self) -> None:
        self._body.pause()

    def resume_sending(self) -> None:
        self._body.resume()

    # --- from upstream (calls.Caller)

    def interim(self, response: Response) -> None:
        fields = h2_fields.of_response(response.status, response.fields)
        self._connection.send_headers(self._number, fields, ended=False, secret=response.secret)

    def switch(self, response: Response, payload: bytes) -> None:
        """HTTP/2 knows no upgrade, so none was asked for (RFC 9113 section 8.6)."""
        self._abandon()
        self.broken(UpstreamReset(h2.PROTOCOL_ERROR), False)

    def respond(self, response: Response, payload: bytes, done: bool) -> None:
        self.progress()
        self.response = response
        fields = h2_fields.of_response(response.status, response.fields)
        with self._connection.batch:
            if done and not payload:
                self._release()
                self._connection.send_headers(self._number, fields, ended=True, secret=response.secret)
            else:
                self._connection.send_headers(self._number, fields, ended=False, secret=response.secret)
                self._pass(payload, done)

    def more(self, payload: bytes, done: bool) -> None:
        self.progress()
        with self._connection.batch:
            self._pass(payload, done)

    def _pass(self, payload: bytes, done: bool) -> None:
        self.sent_bytes += len(payload)
        if done:
            self._release()
        if (payload or done) and not self._connection.send_data(self._number, payload, ended=done) and self._call:
            self._call.pause_receiving()

    def trailers(self, fields: Fields) -> None:
        assert self.response is not None
        self._release()
        with self._connection.batch:
            if grpc.is_grpc(self.response.fields):
                self._connection.send_trailers(self._number, fields)
            else:
                self._connection.send_data(self._number, b"", ended=True)

    def _release(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.release(complete=self._body.complete)

    def broken(self, refused: Refused, unanswered: bool) -> None:
        self._call = None
        if unanswered and self.request.repeatable and not self._repeated:
            self._repeated = True
            self._dial()
        elif isinstance(refused, UpstreamReset) and (self._grpc or self.response is not None):
            self._abort(refused.detail, refused.code)
        elif self.response is None:
            self.refuse(refused)
        else:
            self._abort(refused.detail, h2.INTERNAL_ERROR)

    # --- how it ends

    def drained(self) -> None:
        if self._call is not None:
            self._call.resume_receiving()

    def sent(self) -> None:
        """All of the response is out; a client that still sends its request may stop (RFC 9113 section 8.1)."""
        if not self._refused:
            self._server.records.answered(
                self._server.side.direction, self, self._connection.peer, self._server.clock()
            )
        if self._body.complete:
            self._end()
        else:
            self._reset(h2.NO_ERROR)

    def refuse(self, refused: Refused) -> None:
        """Before the response has begun; a malformed request, at any time, is one that is no request."""
        self._abandon()
        self._refused = True
        records, number = self._server.records, self._number
        decision = records.refused(
            self._server.side.direction, refused, self._request, self._connection.peer, self.route
        )
        with self._connection.batch:
            if isinstance(refused, Malformed):
                self._reset(h2.PROTOCOL_ERROR)
            elif self._grpc:
                self._connection.send_headers(number, grpc.refusal_fields(refused.refusal, decision), ended=True)
            else:
                head_only = self._request is not None and self._request.method == b"HEAD"
                fields, body = h2_fields.of_refusal(refused.refusal, decision, head_only=head_only)
                self._connection.send_headers(number, fields, ended=head_only)
                if not head_only:
                    self._connection.send_data(number, body, ended=True)

    def _abort(self, why: str, code: int) -> None:
        """The response has begun: only a reset can tell that the rest will not come."""
        self._abandon()
        self._server.records.aborted(self._server.side.direction, why, self.route)
        self._reset(code)

    def _reset(self, code: int) -> None:
        self._connection.reset(self._number, code)
        self._end()

    def _end(self) -> None:
        self._body.drop()
        self._connection.finished(self._number, self)

    def _abandon(self) -> None:
        call, self._call = self._call, None
        self._body.drop()
        self.stop_waiting()
        if call is not None:
            call.abandon()

    # --- what a server asks of each of its connections (server.Accepted)

    idle_since = INFINITE

    def evict(self) -> None:
        """It is never idle."""

    @property
    def under_way(self) -> "StreamExchange | None":
        return None if self._refused or self._request is None else self

    def revoke(self, refused: Refused) -> None:
        if self.response is None:
            self.refuse(refused)
        elif self._grpc and self._call is not None:
            self._abandon()
            self._server.records.aborted(self._server.side.direction, f"refused by now: {refused.reason}", self.route)
            self._refused = True
            self._connection.send_trailers(self._number, grpc.refusal_fields(refused.refusal, "revoked")[2:])
        else:
            self._abort(f"refused by now: {refused.reason}", h2.CANCEL)

    def drain(self) -> None:
        """It may end as it would."""

    def cut(self) -> None:
        """Its connection is cut."""

    def out_of_patience(self) -> None:
        """No byte moved for too long, in either direction."""
        waits_for_client = self._call is not None and not self._body.complete
        self._abandon()
        if self.response is not None or self._refused:
            self._abort("no progress within the deadline", h2.CANCEL)
        elif waits_for_client:
            self.refuse(Refused(REQUEST_TIMEOUT, "no whole request body within the deadline"))
        else:
            self.refuse(Refused(UPSTREAM_TIMEOUT, "no response within the deadline"))

"""One request and its response, as they stream through: body by body, with backpressure both ways."""

from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core.framing import LAST_CHUNK, ChunkedDecoder, LengthDecoder, chunk
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.ingress import Permit
from aegis_proxy.core.refusals import REQUEST_TIMEOUT, UPSTREAM_TIMEOUT, Refused
from aegis_proxy.core.request import Body, Request
from aegis_proxy.core.response import Response
from aegis_proxy.core.trace_context import TraceContext
from aegis_proxy.core.upgrade import upgrade_fields
from aegis_proxy.shell.calls import Call
from aegis_proxy.shell.upstream import Address, UpstreamConnection, UpstreamPool
from aegis_proxy.shell.waiting import Waiter

_CONNECTED = b"HTTP/1.1 200 Connection Established\r\n\r\n"


class Span(Protocol):
    """What a trace shows of a request; ended by the first of these."""

    @property
    def context(self) -> TraceContext: ...

    def answered(self, status: int) -> None: ...

    def refused(self, refused: Refused) -> None: ...

    def aborted(self) -> None: ...


class Route(NamedTuple):
    """Where a judged request goes, and the head it goes with. `others` are tried where `address` cannot be reached.

    `label` is (decision, reason, provider, policy, rule), from configuration alone; `caller` is the verified subject.
    `head` is empty where a tunnel is opened at once (CONNECT). `permit` is what let a request in, to be judged again
    while it goes on.
    """

    address: Address
    head: bytes
    label: tuple[str, str, str, str, str]
    caller: bytes = b""
    permit: Permit | None = None
    span: Span | None = None
    others: tuple[Address, ...] = ()

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self.address, *self.others


class Judged(Protocol):
    """A request as others look at it, of whichever version of HTTP."""

    began: float
    route: Route | None
    response: Response | None
    sent_bytes: int

    @property
    def request(self) -> Request: ...


class Client(Protocol):
    """The connection that the request came on."""

    def dial(self, request: Request, route: Route, *, fresh: bool) -> "Call | Deferred[Call]":
        """A call on a connection other than an idle one to `route.address`, `fresh`: on no idle one at all, as they may
        be closed by now; fails with Refused.
        """

    def write(self, data: bytes) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def progress(self) -> None:
        """Bytes move: the deadline is put off."""

    def proceed(self) -> None:
        """The exchange can take the body that has been held meanwhile."""

    def finished(self) -> None:
        """The response is out, and the exchange over."""

    def tunnel(self, head: bytes, upstream: UpstreamConnection, payload: bytes) -> None:
        """HTTP ends with this head; `payload` is what came behind it already."""

    def refuse(self, refused: Refused) -> None: ...

    def fail(self, failure: Failure) -> None:
        """A defect of ours: nothing sensible can be answered."""

    def abort(self, why: str) -> None:
        """The head of the response is out; only a broken connection can tell that the rest will not come."""


class Exchange(Waiter):
    """`last`: the connection ends with this exchange. `sent_all`: the whole request has been passed on."""

    __slots__ = (
        "_call",
        "_client",
        "_decoder",
        "_pool",
        "_repeated",
        "began",
        "last",
        "request",
        "response",
        "route",
        "sent_all",
        "sent_bytes",
    )

    def __init__(self, client: Client, pool: UpstreamPool, request: Request, began: float) -> None:
        super().__init__()
        self._client = client
        self._pool = pool
        self.request = request
        self.began = began
        self.last = not request.keep_alive
        self.sent_all = request.body is Body.NONE
        self.sent_bytes = 0
        self.route: Route | None = None
        self.response: Response | None = None
        self._call: Call | None = None
        self._repeated = False
        self._decoder: ChunkedDecoder | LengthDecoder | None = None
        if not self.sent_all:
            self._decoder = ChunkedDecoder() if request.body is Body.CHUNKED else LengthDecoder(request.length)

    def refuse(self, refused: Refused) -> None:
        self._client.refuse(refused)

    def fail(self, failure: Failure) -> None:
        self._client.fail(failure)

    @property
    def accepts_body(self) -> bool:
        return self._call is not None and not self.sent_all

    def go(self, route: "Route | Deferred[Route]") -> None:
        """Sends the request on, at once or when its route is known."""
        if not isinstance(route, Route):
            self.wait(route, self.go)
            return
        self.route = route
        if not route.head:
            self.wait(self._pool.connect_to_any(route.addresses), self._open)
            return
        upstream = self._pool.take(route.address)
        if upstream is None:
            self._dial()
        else:
            self._start(upstream)

    def _dial(self) -> None:
        assert self.route is not None
        call = self._client.dial(self.request, self.route, fresh=self._repeated)
        if isinstance(call, Deferred):
            self.wait(call, self._start)
        else:
            self._start(call)

    def _start(self, call: Call) -> None:
        assert self.route is not None
        self._call = call
        call.start(self, self.request, self.route.head, ended=self.sent_all)
        if not self.sent_all:
            self._client.proceed()

    def feed(self, data: bytes) -> bytes:
        """Passes on what of `data` belongs to the body; gives the rest. Raises Refused for a body that is none."""
        assert self._decoder is not None
        payload, rest = self._decoder.feed(data)
        self.sent_all = self._decoder.done
        if self._call is not None:
            self._call.send(payload, ended=self.sent_all)
        return rest

    def interim(self, response: Response) -> None:
        if not self.request.http_1_0:
            self._client.write(b"\r\n".join([response.start, *response.fields, b"\r\n"]))

    def _open(self, upstream: UpstreamConnection) -> None:
        self._client.tunnel(_CONNECTED, upstream, b"")

    def switch(self, response: Response, payload: bytes) -> None:
        upstream, self._call = self._call, None
        assert isinstance(upstream, UpstreamConnection)  # streams of HTTP/2 do not switch
        self.response = response
        head = b"\r\n".join([response.start, *response.fields, upgrade_fields(response.upgrade), b""])
        self._client.tunnel(head, upstream, payload)

    def respond(self, response: Response, payload: bytes, done: bool) -> None:
        self.response = response
        head = response.head
        chunked = response.body is Body.CHUNKED
        if chunked and not self.request.http_1_0:
            head += b"Transfer-Encoding: chunked\r\n"
        if response.body is Body.UNTIL_CLOSE or (chunked and self.request.http_1_0) or not self.sent_all:
            self.last = True
        if self.last:
            head += b"Connection: close\r\n"
        self._pass(head + b"\r\n", payload, done)

    def more(self, payload: bytes, done: bool) -> None:
        self._client.progress()
        self._pass(b"", payload, done)

    def trailers(self, fields: Fields) -> None:
        self.more(b"", True)

    def _pass(self, head: bytes, payload: bytes, done: bool) -> None:
        assert self.response is not None
        self.sent_bytes += len(payload)
        if self.response.body is Body.CHUNKED and not self.request.http_1_0:
            payload = (chunk(payload) if payload else b"") + (LAST_CHUNK if done else b"")
        if head or payload:
            self._client.write(head + payload)
        if done and self._call is not None:
            call, self._call = self._call, None
            call.release(complete=self.sent_all)
            self._client.finished()

    def broken(self, refused: Refused, unanswered: bool) -> None:
        self._call = None
        if unanswered and self.request.repeatable and not self._repeated:
            self._repeated = True
            self._dial()
        elif self.response is None:
            self._client.refuse(refused)
        else:
            self._client.abort(refused.detail)

    def timed_out(self) -> None:
        """No byte moved for too long."""
        waits_for_client = self.accepts_body
        self.abandon()
        if self.response is not None:
            self._client.abort("no progress within the deadline")
        elif waits_for_client:
            self._client.refuse(Refused(REQUEST_TIMEOUT, "no whole request body within the deadline"))
        else:
            self._client.refuse(Refused(UPSTREAM_TIMEOUT, "no response within the deadline"))

    def pause_sending(self) -> None:
        self._client.pause_reading()

    def resume_sending(self) -> None:
        self._client.resume_reading()

    def pause_receiving(self) -> None:
        if self._call is not None:
            self._call.pause_receiving()

    def resume_receiving(self) -> None:
        if self._call is not None:
            self._call.resume_receiving()

    def abandon(self) -> None:
        """The client is gone, or its request is refused: whatever is under way ends."""
        call, self._call = self._call, None
        self.stop_waiting()
        if call is not None:
            call.abandon()

"""One request and its response, as they stream through: body by body, with backpressure both ways."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core.framing import LAST_CHUNK, ChunkedDecoder, LengthDecoder, chunk
from aegis_proxy.core.ingress import Permit
from aegis_proxy.core.refusals import REQUEST_TIMEOUT, UPSTREAM_TIMEOUT, Refused
from aegis_proxy.core.request import Body, Request
from aegis_proxy.core.response import Response
from aegis_proxy.core.upgrade import upgrade_fields
from aegis_proxy.shell.upstream import Address, UpstreamConnection, UpstreamPool

T = TypeVar("T")

# May be sent again on a fresh connection when an idle one turned out to be closed (RFC 9110 section 9.2.2).
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})

_CONNECTED = b"HTTP/1.1 200 Connection Established\r\n\r\n"


class Route(NamedTuple):
    """Where a judged request goes, and the head it goes with.

    `label` is (decision, reason, provider, policy, rule), from configuration alone; `caller` is the verified subject.
    `head` is empty where a tunnel is opened at once (CONNECT). `permit` is what let a request in, to be judged again
    while it goes on.
    """

    address: Address
    head: bytes
    label: tuple[str, str, str, str, str]
    caller: bytes = b""
    permit: Permit | None = None


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


class Exchange:
    """`last`: the connection ends with this exchange. `sent_all`: the whole request has been passed on."""

    __slots__ = (
        "_client",
        "_decoder",
        "_pool",
        "_upstream",
        "_waiting",
        "began",
        "last",
        "request",
        "response",
        "route",
        "sent_all",
        "sent_bytes",
    )

    def __init__(self, client: Client, pool: UpstreamPool, request: Request, began: float) -> None:
        self._client = client
        self._pool = pool
        self.request = request
        self.began = began
        self.last = not request.keep_alive
        self.sent_all = request.body is Body.NONE
        self.sent_bytes = 0
        self.route: Route | None = None
        self.response: Response | None = None
        self._upstream: UpstreamConnection | None = None
        self._waiting: Deferred[Any] | None = None
        self._decoder: ChunkedDecoder | LengthDecoder | None = None
        if not self.sent_all:
            self._decoder = ChunkedDecoder() if request.body is Body.CHUNKED else LengthDecoder(request.length)

    @property
    def accepts_body(self) -> bool:
        return self._upstream is not None and not self.sent_all

    def go(self, route: "Route | Deferred[Route]") -> None:
        """Sends the request on, at once or when its route is known."""
        if not isinstance(route, Route):
            self._wait(route, self.go)
            return
        self.route = route
        if not route.head:
            self._wait(self._pool.connect(route.address), self._open)
            return
        upstream = self._pool.take(route.address)
        if upstream is None:
            self._connect()
        else:
            self._start(upstream)

    def _connect(self) -> None:
        assert self.route is not None
        self._wait(self._pool.connect(self.route.address), self._start)

    def _wait(self, waiting: "Deferred[T]", then: Callable[[T], None]) -> None:
        def go_on(result: T) -> None:
            self._waiting = None
            then(result)

        def fail(failure: Failure) -> None:
            if self._waiting is not waiting:  # abandoned
                return
            self._waiting = None
            if isinstance(failure.value, Refused):
                self._client.refuse(failure.value)
            else:
                self._client.fail(failure)

        self._waiting = waiting
        waiting.addCallbacks(go_on, fail)
        waiting.addErrback(self._client.fail)

    def _start(self, upstream: UpstreamConnection) -> None:
        assert self.route is not None
        self._upstream = upstream
        upstream.start(self, self.request.method, self.route.head, self.request.upgrade)
        if not self.sent_all:
            self._client.proceed()

    def feed(self, data: bytes) -> bytes:
        """Passes on what of `data` belongs to the body; gives the rest. Raises Refused for a body that is none."""
        assert self._decoder is not None
        payload, rest = self._decoder.feed(data)
        self.sent_all = self._decoder.done
        if self.request.body is Body.CHUNKED:
            payload = (chunk(payload) if payload else b"") + (LAST_CHUNK if self.sent_all else b"")
        if payload and self._upstream is not None:
            self._upstream.send(payload)
        return rest

    def interim(self, response: Response) -> None:
        if not self.request.http_1_0:
            self._client.write(b"\r\n".join([response.start, *response.fields, b"\r\n"]))

    def _open(self, upstream: UpstreamConnection) -> None:
        self._client.tunnel(_CONNECTED, upstream, b"")

    def switch(self, response: Response, payload: bytes) -> None:
        upstream, self._upstream = self._upstream, None
        assert upstream is not None
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

    def _pass(self, head: bytes, payload: bytes, done: bool) -> None:
        assert self.response is not None
        self.sent_bytes += len(payload)
        if self.response.body is Body.CHUNKED and not self.request.http_1_0:
            payload = (chunk(payload) if payload else b"") + (LAST_CHUNK if done else b"")
        if head or payload:
            self._client.write(head + payload)
        if done and self._upstream is not None:
            upstream, self._upstream = self._upstream, None
            if self.sent_all:
                upstream.release()
            else:
                upstream.abandon()
            self._client.finished()

    def broken(self, refused: Refused, unanswered: bool) -> None:
        self._upstream = None
        if unanswered and self.request.method in _IDEMPOTENT and self.request.body is Body.NONE:
            self._connect()
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
        if self._upstream is not None:
            self._upstream.pause_receiving()

    def resume_receiving(self) -> None:
        if self._upstream is not None:
            self._upstream.resume_receiving()

    def abandon(self) -> None:
        """The client is gone, or its request is refused: whatever is under way ends."""
        upstream, self._upstream = self._upstream, None
        waiting, self._waiting = self._waiting, None
        if upstream is not None:
            upstream.abandon()
        if waiting is not None:
            waiting.cancel()

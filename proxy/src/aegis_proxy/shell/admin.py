"""The admin port: is it alive, is it ready, what does it enforce, what has it counted?

`/live` 200 while the process runs; `/ready` 200, or 503 with the missing parts named; `/metrics` for Prometheus;
`/snapshot` as JSON, no secrets in it; `/app-health/CONTAINER/KIND` passes a kubelet's probe on to the app.
"""

import json
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure

from aegis_idp.redaction import scrub
from aegis_proxy.core.fields import ingress_role
from aegis_proxy.core.head import take_head
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import START_LINE, Request, parse_request
from aegis_proxy.shell.crowd import Crowd
from aegis_proxy.shell.transport import TcpProtocol

_PATIENCE = 10.0
_MOST = 256


class Page(NamedTuple):
    status: int
    content_type: str
    body: str


def text(status: int, body: str) -> Page:
    return Page(status, "text/plain; charset=utf-8", body)


Answer = Callable[[], Page | Coroutine[Any, Any, Page]]


class Admin(Factory):
    """`pages` are the answers by path."""

    noisy = False

    def __init__(self, reactor: Any, pages: Mapping[str, Answer]) -> None:
        self.reactor = reactor
        self.pages = pages
        self.crowd = Crowd(_MOST)
        self.connections: set[AdminConnection] = set()

    def buildProtocol(self, addr: IAddress | None) -> "AdminConnection | None":
        return AdminConnection(self) if self.crowd.admits(self.connections) else None


class AdminConnection(TcpProtocol):
    """One request, one answer, and the end."""

    def __init__(self, admin: Admin) -> None:
        self.idle_since = 0.0
        self._admin = admin
        self._buffer = b""
        self._request: Request | None = None

    def connectionMade(self) -> None:
        self.idle_since = self._admin.reactor.seconds()
        self._admin.connections.add(self)
        self._patience = self._admin.reactor.callLater(_PATIENCE, self.transport.abortConnection)

    def dataReceived(self, data: bytes) -> None:
        if self._request is not None:
            return
        self._buffer += data
        try:
            split = take_head(self._buffer, START_LINE)
            if split is None:
                return
            self._request = parse_request(split[0], ingress_role, canonical=True)
        except Refused as refused:
            self._answer(text(refused.refusal.status, refused.refusal.code + "\n"))
            return
        self._find(self._request)

    def _find(self, request: Request) -> None:
        path = request.path.decode("ascii")
        find = self._admin.pages.get(path)
        if find is None:
            known = " ".join(sorted(self._admin.pages))
            self._answer(text(404, f"there is no {path} here; there are {known}\n"))
        elif request.method not in (b"GET", b"HEAD"):
            self._answer(text(405, "only GET and HEAD\n"))
        elif isinstance(page := find(), Page):
            self._answer(page)
        else:
            Deferred.fromCoroutine(page).addCallbacks(self._answer, self._fail)

    def _answer(self, page: Page) -> None:
        body = page.body.encode()
        head = (
            f"HTTP/1.1 {page.status} {HTTPStatus(page.status).phrase}\r\nContent-Type: {page.content_type}\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        ).encode()
        only_head = self._request is not None and self._request.method == b"HEAD"
        self.transport.write(head if only_head else head + body)
        self.transport.loseConnection()

    def _fail(self, failure: Failure) -> None:
        self._answer(text(500, f"{failure.value.__class__.__name__}\n"))

    def evict(self) -> None:
        """The probes of the kubelet go before those who only hold the port."""
        self._admin.connections.discard(self)
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._admin.connections.discard(self)
        if self._patience.active():
            self._patience.cancel()


def as_json(value: object) -> Page:
    """Without what looks like a token: a provider's words are shown here, and it may quote whatever it was sent."""
    return Page(200, "application/json", scrub(json.dumps(value, indent=2, default=str)) + "\n")

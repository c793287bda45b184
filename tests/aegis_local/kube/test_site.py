import json
from io import BytesIO
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http_headers import Headers
from twisted.web.test.requesthelper import DummyRequest

from aegis_local.kube.handlers import Answer, Asked
from aegis_local.kube.site import ApiResource, Watches
from support.in_memory_kube import WIDGETS, with_widgets


class Request(DummyRequest):
    """A request with the parts that the site reads."""

    dropped = False

    def __init__(self, method: bytes, uri: bytes, body: bytes = b"") -> None:
        super().__init__([b""])
        self.method = method
        self.uri = uri
        self.content = BytesIO(body)
        self.requestHeaders = Headers(
            {"Authorization": ["Bearer admin"], "X-Two": ["a", "b"], "Content-Type": ["application/json"]}
        )

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Twisted's own would pull for ever."""
        assert streaming

    def unregisterProducer(self) -> None:
        """Nothing was registered."""

    def loseConnection(self) -> None:
        self.dropped = True


def code_of(request: Request) -> Any:
    """Twisted types it as None, which it is before the answer."""
    return request.responseCode


class Said:
    """An Api that says what it was told to, and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answered = answer
        self.asked: list[Asked] = []

    async def answer(self, asked: Asked) -> Any:
        self.asked.append(asked)
        if isinstance(self.answered, Exception):
            raise self.answered
        return await self.answered if isinstance(self.answered, Deferred) else self.answered


def served(api: Any, request: Request) -> Watches:
    watches = Watches()
    kube = with_widgets()
    ApiResource(api, kube.store, watches, Clock(), 60.0).render(cast(http.Request, request))
    return watches


def test_requests_become_what_the_api_reads() -> None:
    """Path unquoted, query parsed, header names in lower case."""
    api = Said(Answer(200, {}))
    served(api, Request(b"POST", b"/api/v1/namespaces/a%20b?x=1&y=&x=2", b"body"))
    asked = api.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", "/api/v1/namespaces/a b", b"body")
    assert (asked.query.values, asked.header("x-two")) == ({"x": ("1", "2"), "y": ("",)}, "a,b")


def test_answers_become_responses() -> None:
    """Code, JSON or bytes, headers, and a Warning for each warning."""
    request = Request(b"GET", b"/")
    served(Said(Answer(201, {"a": 1}, warnings=['say "x"'], headers={"x-more": "1"})), request)
    assert (code_of(request), request.written, request.finished) == (201, [b'{"a":1}\n'], 1)
    headers = request.responseHeaders
    assert headers.getRawHeaders("warning") == ['299 - "say \\"x\\""']
    assert (headers.getRawHeaders("content-length"), headers.getRawHeaders("x-more")) == (["8"], ["1"])
    plain = Request(b"GET", b"/")
    served(Said(Answer(200, b"ok", "text/plain")), plain)
    assert plain.written == [b"ok"]


def test_a_defect_is_an_internal_error() -> None:
    """500 with a Status, and the server goes on."""
    request = Request(b"GET", b"/")
    served(Said(RuntimeError("broken")), request)
    status = json.loads(request.written[0])
    assert (code_of(request), status["reason"]) == (500, "InternalError")


def test_a_client_that_has_left_gets_nothing() -> None:
    """The answer comes too late."""
    waiting: Deferred[Answer] = Deferred()
    request = Request(b"GET", b"/")
    served(Said(waiting), request)
    request.processingFailed(Failure(ConnectionError()))  # type: ignore[no-untyped-call]  # Twisted's
    waiting.callback(Answer(200, {}))
    assert (request.written, request.finished) == ([], 0)


def watching(*collections: str) -> tuple[Watches, list[Request]]:
    """Open watches of widgets, or of another kind by its path."""
    kube = with_widgets()
    watches, requests = Watches(), []
    resource = ApiResource(kube.kubernetes.api, kube.store, watches, Clock(), 60.0)
    for path in collections:
        requests.append(request := Request(b"GET", f"{path}?watch=true".encode()))
        resource.render(cast(http.Request, request))
    return watches, requests


def test_watches_are_known_while_they_are_open() -> None:
    """And ended by collection, or all."""
    watches, (widgets, pods) = watching(WIDGETS, "/api/v1/pods")
    assert len(watches.streams) == 2
    watches.end(("example.com", "widgets"))
    assert (widgets.finished, pods.finished) == (1, 0)
    watches.end()
    assert (pods.finished, watches.streams) == (1, [])


@pytest.mark.parametrize(("fault", "finished", "dropped"), [("drop", 0, True), ("expire", 1, False)])
def test_faults_reach_every_watch(fault: str, finished: int, dropped: bool) -> None:
    """Cut connections, or 410 in the stream."""
    watches, requests = watching(WIDGETS, "/api/v1/pods")
    assert getattr(watches, fault)() == 2
    assert {(request.finished, request.dropped) for request in requests} == {(finished, dropped)}
    assert watches.streams == []


def test_a_watch_is_a_stream() -> None:
    """Which begins with what there is."""
    watches, (request,) = watching("/api/v1/namespaces")
    assert watches.streams[0].collection == ("", "namespaces")
    assert json.loads(request.written[1])["type"] == "ADDED"

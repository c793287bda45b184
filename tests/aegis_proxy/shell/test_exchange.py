from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred

from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.shell.exchange import Route
from support.in_memory_http import HttpInMemory, http_in_memory, route

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


def test_a_route_may_take_its_time(http: HttpInMemory) -> None:
    """The body waits; nothing is sent before the verdict."""
    waiting: Deferred[Route] = Deferred()
    http.side.answers = [waiting]
    client, _ = http.connect()
    client.dataReceived(CHUNKED + b"3\r\nabc\r\n")
    assert http.pool.opened == []
    waiting.callback(route(http.side.asked[0]))
    assert http.pool.app().take() == b"POST /x HTTP/1.1\r\n\r\n3\r\nabc\r\n"
    client.dataReceived(b"0;x\r\nX: y\r\n\r\n")
    assert http.pool.app().take() == b"0\r\n\r\n"


def test_a_route_that_fails_is_a_refusal(http: HttpInMemory) -> None:
    """As one that raises."""
    waiting: Deferred[Route] = Deferred()
    http.side.answers = [waiting]
    client, transport = http.connect()
    client.dataReceived(GET)
    waiting.errback(Refused(UPSTREAM_UNREACHABLE))
    assert http.statuses(transport) == [502]


def test_a_client_that_leaves_ends_what_is_awaited(http: HttpInMemory) -> None:
    """A token, an address or a connection that nobody needs any more."""
    cancelled: list[object] = []
    http.side.answers = [Deferred(cancelled.append)]
    client, transport = http.connect()
    client.dataReceived(GET)
    transport.end()
    assert len(cancelled) == 1


def test_an_app_that_cannot_be_reached_is_a_502() -> None:
    """The connection stays: the request was whole."""
    with http_in_memory(at_once=False) as http:
        client, transport = http.connect()
        client.dataReceived(GET)
        http.pool.refuse(Refused(UPSTREAM_UNREACHABLE, "nobody listens"))
        assert http.statuses(transport) == [502]
        assert transport.ended == ""


@pytest.mark.parametrize(
    ("version", "upstream", "expected"),
    [
        (b"HTTP/1.1", OK, OK),
        (b"HTTP/1.0", OK, OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
        (
            b"HTTP/1.1",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nX: trailer\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        (
            b"HTTP/1.0",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
        ),
        (b"HTTP/1.1", b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ],
    ids=["length", "length-1.0", "chunked", "chunked-1.0", "none"],
)
def test_a_response_is_framed_for_its_reader(
    http: HttpInMemory, version: bytes, upstream: bytes, expected: bytes
) -> None:
    """O5: the same bytes to the client, whatever the pieces they come in from the app."""
    asked = GET.replace(b"HTTP/1.1", version)
    client, transport = http.connect()
    client.dataReceived(asked)
    http.pool.opened[-1].dataReceived(upstream)
    assert transport.take() == expected
    client, transport = http.connect()
    client.dataReceived(asked)
    for at in range(len(upstream)):
        http.pool.opened[-1].dataReceived(upstream[at : at + 1])
    pieces = transport.take()
    assert (pieces if b"chunked" not in expected else pieces.replace(b"1\r\no\r\n1\r\nk", b"2\r\nok")) == expected


def test_a_body_until_close_ends_the_clients_connection(http: HttpInMemory) -> None:
    """Its end can be told in no other way; a reset is no end."""
    for how, ended in (("closed", "closed"), ("aborted", "aborted")):
        client, transport = http.connect()
        client.dataReceived(GET)
        http.pool.opened[-1].dataReceived(b"HTTP/1.1 200 OK\r\n\r\nsome")
        http.pool.app().end(how)
        assert transport.take() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsome"
        http.clock.advance(0)
        http.wait(3)
        assert transport.ended == ended


def test_a_stalled_app_is_not_blamed_on_the_client(http: HttpInMemory) -> None:
    """While the route is awaited, a timeout is a 504."""
    http.side.answers = [Deferred()]
    client, transport = http.connect()
    client.dataReceived(CHUNKED)
    http.wait(302)
    assert http.statuses(transport) == [504]


def test_late_answers_do_not_matter(http: HttpInMemory) -> None:
    """After a timeout the app's connection is gone."""
    client, transport = http.connect()
    client.dataReceived(GET)
    http.wait(302)
    transport.take()
    http.clock.advance(0)
    assert http.pool.app().ended == "aborted"
    assert transport.take() == b""

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core.refusals import BAD_TOKEN, NOT_ALLOWED, Refused
from aegis_proxy.shell.exchange import Route
from support.in_memory_http import HttpInMemory, http_in_memory, post

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


def test_d01_a_head_must_be_whole_in_time(http: HttpInMemory) -> None:
    """A byte now and then does not put it off: 408 and the end."""
    client, transport = http.connect()
    for byte in GET[:9]:
        client.dataReceived(bytes((byte,)))
        http.wait(1)
    assert transport.written == b""
    http.wait(2)
    assert http.statuses(transport) == [408]
    assert b"Connection: close" in transport.written
    http.wait(3)
    assert transport.ended == "closed"


def test_a_connection_that_says_nothing_is_closed(http: HttpInMemory) -> None:
    """Without an answer, for there was no request."""
    _, transport = http.connect()
    http.wait(11)
    assert (transport.written, transport.ended) == (b"", "closed")


def test_an_idle_connection_is_closed_in_the_end(http: HttpInMemory) -> None:
    """After five minutes between two requests."""
    client, transport = http.connect()
    client.dataReceived(GET)
    http.pool.opened[0].dataReceived(OK)
    http.wait(299)
    assert transport.ended == ""
    http.wait(3)
    assert transport.ended == "closed"


def test_a_refusal_keeps_the_connection_where_the_body_was_read(http: HttpInMemory) -> None:
    """Fine print: 401 and 403 leave it open when the body was read or there is none."""
    client, transport = http.connect()
    http.side.answers = [Refused(NOT_ALLOWED), Refused(BAD_TOKEN)]
    client.dataReceived(post(3, b"abc") + GET)
    assert http.statuses(transport) == [403, 401]
    assert not transport.write_closed


def test_a_refusal_ends_the_connection_where_a_body_is_to_come(http: HttpInMemory) -> None:
    """What comes of it is read for a moment, lest the answer be lost, and not looked at."""
    client, transport = http.connect()
    http.side.answers = [Refused(NOT_ALLOWED)]
    client.dataReceived(post(1000, b"abc"))
    assert transport.write_closed
    client.dataReceived(GET)
    assert http.statuses(transport) == [403]
    client.dataReceived(b"a" * 70_000)
    http.clock.advance(0)
    assert transport.ended == "aborted"


def test_a_refused_body_that_is_none_ends_the_connection(http: HttpInMemory) -> None:
    """Its end is not known."""
    client, transport = http.connect()
    http.side.answers = [Refused(NOT_ALLOWED)]
    client.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n" + GET)
    assert http.statuses(transport) == [403]
    assert transport.write_closed


def test_f22_a_client_that_waits_is_not_waited_for(http: HttpInMemory) -> None:
    """It expected 100 and got a refusal: its body may or may not come."""
    client, transport = http.connect()
    http.side.answers = [Refused(BAD_TOKEN)]
    client.dataReceived(post(3, b"", b"Expect: 100-continue"))
    assert http.statuses(transport) == [401]
    assert transport.write_closed


def test_a_bad_body_after_the_answer_began_breaks_off(http: HttpInMemory) -> None:
    """A second answer within the first would be taken for its body."""
    client, transport = http.connect()
    client.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    http.pool.opened[0].dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart")
    client.dataReceived(b"no chunk\r\n")
    http.clock.advance(0)
    assert http.statuses(transport) == [200]
    assert transport.ended == "aborted"


def test_a_half_closed_client_gets_all_its_answers(http: HttpInMemory) -> None:
    """Those to pipelined requests, too; then the connection ends."""
    client, transport = http.connect()
    client.dataReceived(GET * 2)
    client.readConnectionLost()
    for _ in range(2):
        assert transport.ended == ""
        http.pool.opened[0].dataReceived(OK)
    assert transport.written == OK * 2
    assert transport.ended == "closed"


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        pytest.param(GET[:10], [400], id="head"),
        pytest.param(post(10, b"abc"), [400], id="F20-length"),
        pytest.param(
            post(10, b"abc").replace(b"Content-Length: 10", b"Transfer-Encoding: chunked"), [400], id="F20-chunked"
        ),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_a_request_that_will_not_become_whole_is_refused(http: HttpInMemory, data: bytes, statuses: list[int]) -> None:
    """The app's connection is broken off with it."""
    client, transport = http.connect()
    if data:
        client.dataReceived(data)
    client.readConnectionLost()
    assert http.statuses(transport) == statuses
    assert transport.ended == "closed"
    http.clock.advance(0)
    assert all(http.pool.app(number).ended == "aborted" for number in range(len(http.pool.opened)))


def test_a_body_that_ends_within_an_answer_breaks_off(http: HttpInMemory) -> None:
    """The app answered early, and will not get the rest."""
    client, transport = http.connect()
    client.dataReceived(post(10, b"abc"))
    http.pool.opened[0].dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart")
    client.readConnectionLost()
    http.clock.advance(0)
    assert (http.statuses(transport), transport.ended) == ([200], "aborted")


def test_a_client_that_goes_away_ends_the_exchange(http: HttpInMemory) -> None:
    """Nobody waits for its answer."""
    client, transport = http.connect()
    client.dataReceived(GET)
    transport.end()
    http.clock.advance(0)
    assert http.pool.app().ended == "aborted"
    assert http.server.connections == set()
    assert http.metrics.aborted == {"inbound": 1}


def test_a_defect_breaks_off_and_is_logged() -> None:
    """There is nothing sensible to answer."""
    with http_in_memory() as http:
        waiting: Deferred[Route] = Deferred()
        http.side.answers = [waiting]
        client, transport = http.connect()
        client.dataReceived(GET)
        waiting.errback(Failure(ZeroDivisionError("oh")))
        http.clock.advance(0)
        assert (transport.written, transport.ended) == (b"", "aborted")
        events = http.log.events()
        assert [event["type"] for event in events if event["event"] == "defect"] == ["ZeroDivisionError"]
        http.log.text = lambda: ""  # type: ignore[method-assign]  # this one was meant

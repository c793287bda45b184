from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred

from aegis_proxy.core.refusals import NOT_ALLOWED, Refused
from aegis_proxy.shell.exchange import Route
from support.in_memory_http import HttpInMemory, http_in_memory, post, route

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


def test_a_connection_serves_one_request_after_the_other(http: HttpInMemory) -> None:
    """Over one connection to the app, whatever the pieces they come in."""
    client, transport = http.connect()
    for _ in range(2):
        for at in range(len(GET)):
            client.dataReceived(GET[at : at + 1])
        assert http.pool.app().take() == b"GET /x HTTP/1.1\r\n\r\n"
        http.pool.opened[0].dataReceived(OK)
        assert transport.take() == OK
    assert len(http.pool.opened) == 1


def test_pipelined_requests_wait_their_turn(http: HttpInMemory) -> None:
    """The second is judged when the first is answered."""
    client, transport = http.connect()
    client.dataReceived(GET * 3)
    assert len(http.side.asked) == 1
    for number in range(1, 4):
        assert len(http.side.asked) == number
        http.pool.opened[0].dataReceived(OK)
    assert transport.written == OK * 3


def test_d05_what_is_pipelined_far_ahead_is_not_read(http: HttpInMemory) -> None:
    """The client waits once much is held, and goes on with the next answer."""
    client, transport = http.connect()
    client.dataReceived(GET * 3000)
    assert not transport.reading
    http.pool.opened[0].dataReceived(OK)
    assert transport.reading or len(http.side.asked) == 2


def test_d05_a_client_that_reads_no_answers_gets_no_more(http: HttpInMemory) -> None:
    """Refusals cost nothing to make, so they must wait, too; when it reads on, it gets them all."""
    client, transport = http.connect()
    http.side.answers = [Refused(NOT_ALLOWED) for _ in range(10)]
    transport.full = True
    client.dataReceived(GET * 10)
    assert http.statuses(transport) == [403]
    assert not transport.reading
    transport.drain()
    assert http.statuses(transport) == [403] * 10
    assert transport.reading


def test_d02_chunks_that_do_not_come_are_a_408(http: HttpInMemory) -> None:
    """Each byte of progress gives them more time: a stream may pause."""
    client, transport = http.connect()
    client.dataReceived(CHUNKED + b"a\r\n")
    http.wait(250)
    client.dataReceived(b"b")
    http.wait(250)
    assert transport.written == b""
    http.wait(60)
    assert http.statuses(transport) == [408]
    assert http.pool.app().ended == "aborted"


def test_d02_a_body_that_comes_too_slowly_is_a_408(http: HttpInMemory) -> None:
    """A byte each second puts it off by next to nothing: 64 of them are needed, from a minute on."""
    client, transport = http.connect()
    client.dataReceived(post(100_000, b"a"))
    for _ in range(59):
        client.dataReceived(b"b")
        http.wait(1)
    assert transport.written == b""
    for _ in range(5):
        client.dataReceived(b"b")
        http.wait(1)
    assert http.statuses(transport) == [408]
    assert http.pool.app().ended == "aborted"


def test_d02_a_body_that_keeps_the_pace_may_take_as_long_as_it_needs(http: HttpInMemory) -> None:
    """However long that is."""
    client, transport = http.connect()
    client.dataReceived(post(100_000))
    for _ in range(1000):
        client.dataReceived(b"x" * 100)
        http.wait(1)
    http.pool.opened[0].dataReceived(OK)
    assert http.statuses(transport) == [200]


def test_d02_a_slow_app_is_not_the_clients_fault(http: HttpInMemory) -> None:
    """While it takes no more of a body, the client's time stands still; and then goes on."""
    client, transport = http.connect()
    client.dataReceived(post(100_000, b"a"))
    http.wait(50)
    http.pool.opened[0].pauseProducing()
    http.wait(200)
    assert (transport.reading, transport.written) == (False, b"")
    http.pool.opened[0].resumeProducing()
    http.wait(9)
    assert transport.written == b""
    http.wait(3)
    assert http.statuses(transport) == [408]


def test_d02_a_rate_of_0_asks_for_none(http: HttpInMemory) -> None:
    """Only silence ends a body then."""
    http.server.deadlines = http.server.deadlines._replace(body_rate=0.0)
    client, transport = http.connect()
    client.dataReceived(post(10, b"a"))
    http.wait(290)
    assert transport.written == b""
    http.wait(20)
    assert http.statuses(transport) == [408]


def test_an_app_that_does_not_answer_is_a_504(http: HttpInMemory) -> None:
    """The client's request was whole; its connection stays."""
    client, transport = http.connect()
    client.dataReceived(GET)
    http.wait(302)
    assert http.statuses(transport) == [504]
    assert transport.ended == ""


def test_a_response_that_stops_is_broken_off(http: HttpInMemory) -> None:
    """Only a broken connection can say that the rest will not come."""
    client, transport = http.connect()
    client.dataReceived(GET)
    http.pool.opened[0].dataReceived(OK[:-1])
    http.wait(303)
    assert transport.ended == "aborted"
    assert http.statuses(transport) == [200]
    assert http.metrics.aborted == {"inbound": 1}


def test_a_half_closed_client_that_stalls_gets_its_answers_later(http: HttpInMemory) -> None:
    """What is held is not forgotten."""
    client, transport = http.connect()
    http.side.answers = [Refused(NOT_ALLOWED) for _ in range(3)]
    transport.full = True
    client.dataReceived(GET * 3)
    client.readConnectionLost()
    assert http.statuses(transport) == [403]
    transport.drain()
    assert http.statuses(transport) == [403] * 3
    assert transport.ended == "closed"


def test_a_whole_body_may_wait_for_its_route(http: HttpInMemory) -> None:
    """The client half-closed meanwhile; nothing is missing."""
    waiting: Deferred[Route] = Deferred()
    http.side.answers = [waiting]
    client, transport = http.connect()
    client.dataReceived(post(3, b"abc"))
    client.readConnectionLost()
    waiting.callback(route(http.side.asked[0]))
    assert http.pool.app().written.endswith(b"abc")
    http.pool.opened[0].dataReceived(OK)
    assert (transport.written, transport.ended) == (OK, "closed")


def test_backpressure_reaches_both_ends(http: HttpInMemory) -> None:
    """A client that does not read pauses the app, an app that does not read pauses the client."""
    client, transport = http.connect()
    client.dataReceived(post(100, b"a"))
    app, reading = http.pool.app(), []
    app.full = True
    client.dataReceived(b"b")
    reading.append(transport.reading)
    app.drain()
    reading.append(transport.reading)
    http.pool.opened[0].dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    transport.full = True
    http.pool.opened[0].dataReceived(b"x")
    reading.append(app.reading)
    transport.drain()
    reading.append(app.reading)
    assert reading == [False, True, False, True]

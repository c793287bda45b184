from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core.refusals import BAD_TOKEN, NOT_ALLOWED, Refused
from aegis_proxy.shell.exchange import Route
from support.in_memory_http import HttpInMemory, http_in_memory, route

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def post(length: int, body: bytes = b"", *lines: bytes) -> bytes:
    return b"\r\n".join([b"POST /x HTTP/1.1", b"Host: a", b"Content-Length: %d" % length, *lines, b"", body])


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


CHUNKED = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


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

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred

from aegis_proxy.core.refusals import CLOSED, NO_TOKEN, NOT_ALLOWED, UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.shell.exchange import Route
from support import h2_wire as wire
from support.h2_in_memory import GRPC, HEAD, POST, Client, Pairs
from support.in_memory_http import HttpInMemory, http_in_memory

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        wired.http1_upstreams()
        yield wired


def answered(http: HttpInMemory, client: Client, data: bytes, number: int = -1) -> None:
    http.pool.opened[number].dataReceived(data)
    client.talk()


def test_a_body_goes_on_chunked_or_by_its_length(http: HttpInMemory) -> None:
    """As HTTP/1.1 needs it; trailers of the request end it and do not pass."""
    client = Client(http)
    client.ask(POST, b"abc", ended=False)
    client.h2.send_headers(client.last, [(b"x-sum", b"1")], end_stream=True)
    client.talk()
    assert http.pool.app().take() == b"POST /x HTTP/1.1\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    client.ask([*POST, (b"content-length", b"3")], b"abc")
    assert http.pool.app().take() == b"POST /x HTTP/1.1\r\n\r\nabc"
    client.ask([*POST, (b"content-length", b"0")], ended=False)
    assert http.pool.app().take() == b"POST /x HTTP/1.1\r\n\r\n"


def test_responses_come_back_whole(http: HttpInMemory) -> None:
    """With their body however it was framed, interim ones first; hop-by-hop fields stay behind."""
    client = Client(http)
    message = client.ask()
    answered(http, client, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    answered(
        http, client, CHUNKED.replace(b"\r\n\r\n", b"\r\nX-Y: z\r\nConnection: keep-alive\r\n\r\n") + b"2\r\nab\r\n"
    )
    answered(http, client, b"1\r\nc\r\n0\r\n\r\n")
    assert [dict(each)[b":status"] for each in message.interim] == [b"103"]
    assert message.head == [(b":status", b"200"), (b"x-y", b"z")]
    assert (message.body, message.ended) == (b"abc", True)
    empty = client.ask()
    answered(http, client, b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (empty.status, empty.ended) == (204, True)
    assert len(http.pool.opened) == 1


def test_a_response_until_close_is_whole_when_it_closes(http: HttpInMemory) -> None:
    """Its end becomes the stream's."""
    client = Client(http)
    message = client.ask()
    answered(http, client, b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert not message.ended
    http.pool.app().end()
    client.talk()
    assert (message.body, message.ended) == (b"abc", True)


def test_an_answer_to_half_a_request_stops_the_client(http: HttpInMemory) -> None:
    """The response is whole, then RST_STREAM says NO_ERROR (RFC 9113 section 8.1), and the app's connection ends."""
    client = Client(http)
    message = client.ask(POST, b"part", ended=False)
    answered(http, client, OK)
    assert (message.body, message.ended, message.reset) == (b"ok", True, 0)
    http.wait(1)
    assert http.pool.app().ended == "aborted"


def test_a_cancelled_request_ends_at_the_app(http: HttpInMemory) -> None:
    """By the end of its connection; the log has a line."""
    client = Client(http)
    client.ask()
    client.h2.reset_stream(client.last, 8)
    client.talk()
    http.wait(1)
    assert http.pool.app().ended == "aborted"
    assert http.metrics.aborted == {"inbound": 1}
    assert len(http.server.connections) == 1


def test_a_cancelled_request_waits_for_nothing(http: HttpInMemory) -> None:
    """Neither for its route nor for its connection."""
    client = Client(http)
    cancelled: list[object] = []
    http.side.answers = [Deferred(cancelled.append)]
    client.ask()
    client.h2.reset_stream(client.last, 8)
    client.talk()
    assert len(cancelled) == 1


@pytest.mark.parametrize(
    ("refused", "status", "grpc"), [(NO_TOKEN, 401, b"16"), (NOT_ALLOWED, 403, b"7"), (CLOSED, 503, b"14")]
)
def test_u06_refusals_are_answers_or_statuses(http: HttpInMemory, refused: object, status: int, grpc: bytes) -> None:
    """As in HTTP/1.1, and for gRPC in trailers alone."""
    client = Client(http)
    http.side.answers = [Refused(refused), Refused(refused), Refused(refused)]  # type: ignore[arg-type]  # Refusals
    plain, called, head = client.ask(), client.ask(GRPC), client.ask([(b":method", b"HEAD"), *HEAD[1:]])
    assert plain.status == status
    assert b"decision" in plain.body
    assert (plain.value(b"www-authenticate") is not None) == (status == 401)
    assert dict(called.head)[b"grpc-status"] == grpc
    assert (called.status, called.body, called.ended, called.trailers) == (200, b"", True, [])
    assert (head.status, head.body, head.ended) == (status, b"", True)
    assert [event["status"] for event in http.log.events() if event["event"] == "refused"] == [status] * 3


def test_a_refusal_before_the_body_stops_the_client(http: HttpInMemory) -> None:
    """The answer, then RST_STREAM with NO_ERROR; what is on its way is passed over."""
    client = Client(http)
    http.side.answers = [Refused(NOT_ALLOWED)]
    message = client.ask(POST, b"part", ended=False)
    assert (message.status, message.ended, message.reset) == (403, True, 0)
    client.protocol.dataReceived(wire.frame(wire.DATA, wire.END_STREAM, client.last, b"late"))
    client.talk()
    assert client.goaway is None


def test_a_refusal_that_cannot_go_out_yet_takes_no_more_body(http: HttpInMemory) -> None:
    """The client's window is shut, but it sends on."""
    client = Client(http)
    client.h2.update_settings({4: 0})
    http.side.answers = [Refused(NOT_ALLOWED)]
    message = client.ask(POST, ended=False)
    client.h2.send_data(client.last, b"more", end_stream=True)
    client.talk()
    assert (message.status, message.ended) == (403, False)
    client.h2.update_settings({4: 1000})
    client.talk()
    assert message.ended


MALFORMED: dict[str, Pairs] = {
    "u03-crlf": [*HEAD, (b"x", b"1\r\nX-Aegis-Identity: root")],
    "u03-upper": [*HEAD, (b"X-Y", b"1")],
    "u03-connection": [*HEAD, (b"connection", b"close")],
    "u03-te": [*HEAD, (b"transfer-encoding", b"chunked")],
    "u03-path": [*HEAD[:3], (b":path", b"/x HTTP/1.1")],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_u03_a_malformed_request_is_reset(http: HttpInMemory, fields: Pairs) -> None:
    """RST_STREAM with PROTOCOL_ERROR; nobody judges it, and the other streams go on."""
    client = Client(http)
    assert client.ask(fields).reset == 1
    assert http.side.asked == []
    assert "bad_header" in http.log.text()
    client.ask()
    assert len(http.side.asked) == 1


@pytest.mark.parametrize(("sent", "ended"), [(b"four", False), (b"ab", True)])
def test_u03_a_body_that_is_not_its_length_is_reset(http: HttpInMemory, sent: bytes, ended: bool) -> None:
    """The app never sees a request that could be read in two ways."""
    client = Client(http)
    message = client.ask([*POST, (b"content-length", b"3")], ended=False)
    client.protocol.dataReceived(wire.frame(wire.DATA, wire.END_STREAM if ended else 0, client.last, sent))
    client.talk()
    assert message.reset == 1
    http.wait(1)
    assert http.pool.app().ended == "aborted"


def test_u03_malformed_trailers_are_reset(http: HttpInMemory) -> None:
    """They are checked, though they do not pass."""
    client = Client(http)
    message = client.ask(POST, ended=False)
    client.protocol.dataReceived(wire.headers(client.last, [(b":path", b"/admin")]))
    client.talk()
    assert message.reset == 1


def test_a_slow_app_stops_the_client(http: HttpInMemory) -> None:
    """What it has not taken is not given back to the client's window, and is when it has."""
    client = Client(http)
    client.ask(POST, ended=False)
    http.pool.app().full = True
    for _ in range(8):
        client.h2.send_data(client.last, b"x" * 16_000)
        client.talk()
    window = client.h2.local_flow_control_window(client.last)
    assert window <= 128 * 1024 - 8 * 16_000
    http.pool.app().drain()
    client.talk()
    assert client.h2.local_flow_control_window(client.last) > window


def test_a_slow_client_stops_the_app(http: HttpInMemory) -> None:
    """What its window does not take waits here, once, and the app is read no further."""
    client = Client(http)
    client.acknowledging = False
    message = client.ask()
    answered(http, client, CHUNKED + b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
    assert len(message.body) == 65_535
    assert not http.pool.app().reading
    client.h2.increment_flow_control_window(40_000)
    client.h2.increment_flow_control_window(40_000, client.last)
    client.talk()
    assert len(message.body) == 105_535
    assert not http.pool.app().reading
    client.h2.increment_flow_control_window(100_000)
    client.h2.increment_flow_control_window(100_000, client.last)
    client.talk()
    assert http.pool.app().reading
    answered(http, client, b"1\r\ny\r\n0\r\n\r\n")
    assert (len(message.body), message.ended) == (0x20001, True)


def test_a_client_that_reads_nothing_stops_the_app(http: HttpInMemory) -> None:
    """Its transport is full: what comes waits, and goes out when it has drained."""
    client = Client(http)
    message = client.ask()
    answered(http, client, CHUNKED + b"3\r\nabc\r\n")
    client.transport.full = True
    client.protocol.pauseProducing()
    http.pool.opened[0].dataReceived(b"3\r\ndef\r\n")
    assert not http.pool.app().reading
    client.transport.drain()
    client.talk()
    assert message.body == b"abcdef"
    assert http.pool.app().reading
    client.protocol.stopProducing()


def test_windows_of_a_connection_are_shared_fairly(http: HttpInMemory) -> None:
    """A window that opens bit by bit is for all streams that wait, in turn."""
    client = Client(http)
    client.acknowledging = False
    messages = [client.ask() for _ in range(3)]
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000
    for number in range(3):
        answered(http, client, body, number)
    before = [len(message.body) for message in messages]
    assert sum(before) == 65_535
    for _ in range(4):
        client.h2.increment_flow_control_window(16_384)
        client.talk()
    got = [len(message.body) - had for message, had in zip(messages, before, strict=True)]
    assert min(got[1:]) > 16_000


def test_an_app_that_cannot_be_reached_is_a_502(http: HttpInMemory) -> None:
    """Or UNAVAILABLE."""
    with http_in_memory(at_once=False) as later:
        later.http1_upstreams()
        client = Client(later)
        plain, called = client.ask(), client.ask(GRPC)
        later.pool.refuse(Refused(UPSTREAM_UNREACHABLE))
        later.pool.refuse(Refused(UPSTREAM_UNREACHABLE))
        client.talk()
        assert plain.status == 502
        assert called.value(b"grpc-status") == b"14"


def test_an_app_that_breaks_off_breaks_the_stream(http: HttpInMemory) -> None:
    """Before its response it is a 502, within it a reset."""
    client = Client(http)
    early, within = client.ask(POST, b"x"), client.ask()
    http.pool.app(0).end()
    http.pool.opened[1].dataReceived(CHUNKED + b"1\r\na\r\n")
    http.pool.app(1).end()
    client.talk()
    assert (early.status, early.ended) == (502, True)
    assert (within.status, within.body, within.ended, within.reset) == (200, b"a", False, 2)
    assert http.metrics.aborted == {"inbound": 1}


def test_a_get_goes_out_again_when_an_idle_connection_was_closed(http: HttpInMemory) -> None:
    """As in HTTP/1.1; a POST does not."""
    client = Client(http)
    for fields in (HEAD, POST):
        client.ask()
        answered(http, client, OK)
        again = client.ask(fields)
        http.pool.app().end()
        client.talk()
        if fields is HEAD:
            answered(http, client, OK)
            assert (again.status, again.body) == (200, b"ok")
        else:
            assert again.status == 502


def test_an_upgrade_that_nobody_asked_for_is_a_502(http: HttpInMemory) -> None:
    """HTTP/2 has none."""
    client = Client(http)
    message = client.ask()
    answered(http, client, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
    assert message.status == 502


def test_deadlines(http: HttpInMemory) -> None:
    """No response is a 504, no whole request a 408, a response that stops is reset."""
    client = Client(http)
    waiting, half, stopped = client.ask(), client.ask(POST, b"a", ended=False), client.ask()
    http.pool.opened[2].dataReceived(CHUNKED + b"1\r\na\r\n")
    http.wait(302)
    client.talk()
    assert (waiting.status, half.status, half.reset, stopped.reset) == (504, 408, 0, 8)


def test_progress_puts_the_deadline_off(http: HttpInMemory) -> None:
    """In either direction, and as the client's window opens."""
    client = Client(http)
    client.h2.update_settings({4: 1})
    message = client.ask(POST, b"a", ended=False)
    http.wait(200)
    client.h2.send_data(client.last, b"b")
    client.talk()
    http.wait(200)
    http.pool.opened[0].dataReceived(CHUNKED + b"3\r\nabc\r\n")
    http.wait(200)
    client.h2.increment_flow_control_window(1, client.last)
    client.talk()
    http.wait(200)
    assert (message.status, message.reset) == (200, None)


def test_a_defect_ends_its_stream_alone() -> None:
    """With INTERNAL_ERROR, and a line in the log."""
    from support.proxy_log import ReadableLog

    log = ReadableLog()
    http = HttpInMemory(log)
    http.http1_upstreams()
    failing: Deferred[Route] = Deferred()
    http.side.answers = [failing]
    client = Client(http)
    message = client.ask()
    failing.errback(ValueError("unforeseen"))
    client.talk()
    assert message.reset == 2
    assert client.goaway is None
    assert "defect" in log.text()
    log.close()


def test_a_request_that_goes_on_is_judged_again(http: HttpInMemory) -> None:
    """Before its response it is refused; then gRPC gets its status in trailers, all else a reset."""
    client = Client(http)
    early, plain, called = client.ask(), client.ask(), client.ask(GRPC, b"x")
    http.pool.opened[1].dataReceived(CHUNKED)
    http.pool.opened[2].dataReceived(CHUNKED)
    client.talk()
    going_on = [each.under_way for each in http.server.connections if each.under_way is not None]
    assert len(going_on) == 3
    for connection in list(http.server.connections):
        connection.revoke(Refused(NOT_ALLOWED))
        connection.drain() if connection.under_way else None
    client.talk()
    assert (early.status, plain.reset) == (403, 8)
    assert (called.ended, dict(called.trailers)[b"grpc-status"]) == (True, b"7")
    assert len(http.server.connections) == 1
    http.wait(1)
    assert [http.pool.app(number).ended for number in range(3)] == ["aborted"] * 3


def test_a_stream_cannot_be_cut_alone(http: HttpInMemory) -> None:
    """Its connection is."""
    client = Client(http)
    client.ask()
    for connection in list(http.server.connections):
        connection.cut()
    http.wait(1)
    assert http.server.connections == set()

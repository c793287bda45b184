"""Requests of HTTP/1.1 to an app that speaks HTTP/2 alone."""

from collections.abc import Iterator

import pytest

from aegis_proxy.core.request import Request
from aegis_proxy.settings import UpstreamProtocol
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.server_connection import ServerConnection
from support import h2_wire as wire
from support.h2_in_memory import HEAD, App, Client, Pairs
from support.in_memory_http import APP, LABEL, HttpInMemory, MemoryTransport, http_in_memory

GET = b"GET /x HTTP/1.1\r\nHost: shop\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
OK: Pairs = [(b":status", b"200")]


def route(request: Request) -> Route:
    """To the app, with a head as both sides make it."""
    lines = [b"%b %b HTTP/1.1" % (request.method, request.target), b"Host: " + request.host, *request.fields]
    if request.length:
        lines.append(b"Content-Length: %d" % request.length)
    return Route(APP, b"\r\n".join([*lines, b"\r\n"]), LABEL)


class Bench:
    """A client of HTTP/1.1, and the app once it has been called."""

    def __init__(self, http: HttpInMemory, protocol: UpstreamProtocol) -> None:
        self.http = http
        http.side.make = route
        http.upstreams_speak(protocol)
        self.client: ServerConnection
        self.transport: MemoryTransport
        self.client, self.transport = http.connect()
        self._app: App | None = None

    def send(self, data: bytes) -> None:
        self.client.dataReceived(data)

    @property
    def app(self) -> App:
        if self._app is None:
            self._app = App(self.http.pool.app())
        self._app.talk()
        return self._app

    def answer(
        self, number: int, fields: Pairs, body: bytes = b"", trailers: Pairs = [], *, ended: bool = True
    ) -> bytes:
        """What the client gets of it."""
        self.app.answer(number, fields, body, trailers, ended=ended)
        return self.transport.take()


def assert_reading(bench: Bench, reading: bool) -> None:
    assert bench.transport.reading is reading


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as http:
        yield http


@pytest.fixture
def bench(http: HttpInMemory) -> Bench:
    return Bench(http, UpstreamProtocol.H2C)


def test_requests_share_one_connection(bench: Bench) -> None:
    """Each is a stream, whichever client it came from; hop-by-hop fields stay behind."""
    other, other_transport = bench.http.connect()
    bench.send(b"GET /x HTTP/1.1\r\nHost: shop\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nX-Kept: 2\r\n\r\n")
    assert bench.app.message(1).head == [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"shop"),
        (b":path", b"/x"),
        (b"x-kept", b"2"),
    ]
    assert bench.app.message(1).ended
    other.dataReceived(GET)
    assert bench.answer(1, [*OK, (b"content-length", b"2"), (b"x-of-app", b"1")], b"ok") == (
        b"HTTP/1.1 200 \r\ncontent-length: 2\r\nx-of-app: 1\r\n\r\nok"
    )
    bench.send(GET)
    assert bench.answer(5, [*OK, (b"content-length", b"0")]) == b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n"
    bench.answer(3, [(b":status", b"204")])
    assert other_transport.take() == b"HTTP/1.1 204 \r\n\r\n"
    assert len(bench.http.pool.opened) == 1


def test_bodies_pass_both_ways_framed_anew(bench: Bench) -> None:
    """Chunks become DATA, DATA becomes chunks; trailers are dropped, as those of HTTP/1.1 are."""
    bench.send(CHUNKED + b"3\r\nabc\r\n")
    assert (bench.app.message(1).body, bench.app.message(1).ended) == (b"abc", False)
    bench.send(b"2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert (bench.app.message(1).body, bench.app.message(1).ended) == (b"abcde", True)
    assert bench.app.message(1).trailers == []
    told = bench.answer(1, OK, b"xy", [(b"x-sum", b"1")])
    assert told == b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n"
    bench.send(b"POST /x HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nab")
    assert (b"content-length", b"4") in bench.app.message(3).head
    bench.send(b"cd")
    assert (bench.app.message(3).body, bench.app.message(3).ended) == (b"abcd", True)
    assert bench.answer(3, OK) == b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


def test_an_old_client_gets_what_it_understands(bench: Bench) -> None:
    """HTTP/1.0 knows neither chunks nor interim answers: the end of the connection is the body's."""
    bench.send(b"GET /x HTTP/1.0\r\nHost: shop\r\n\r\n")
    bench.app.h2.send_headers(1, [(b":status", b"103")])
    told = bench.answer(1, OK, b"abc")
    assert told == b"HTTP/1.1 200 \r\nConnection: close\r\n\r\nabc"
    assert bench.transport.write_closed


def test_interim_answers_pass(bench: Bench) -> None:
    """As they do between others."""
    bench.send(GET)
    bench.app.h2.send_headers(1, [(b":status", b"103"), (b"link", b"</a>")])
    bench.app.talk()
    assert bench.transport.take() == b"HTTP/1.1 103 \r\nlink: </a>\r\n\r\n"


def test_a_slow_app_stops_the_client(bench: Bench) -> None:
    """No more is read than its windows take."""
    bench.send(CHUNKED)
    app = bench.app
    app.acknowledging = False
    bench.send(b"20000\r\n" + bytes(0x20000))
    assert_reading(bench, False)
    assert len(bench.app.message(1).body) == 65_535
    app.acknowledging = True
    app.h2.increment_flow_control_window(100_000)
    app.h2.increment_flow_control_window(100_000, 1)
    app.talk()
    assert_reading(bench, True)
    bench.send(b"\r\n0\r\n\r\n")
    assert (len(bench.app.message(1).body), bench.app.message(1).ended) == (0x20000, True)


def test_a_slow_client_stops_the_app(bench: Bench) -> None:
    """What it does not read is not given back to the app's window."""
    bench.send(GET)
    bench.transport.full = True
    app = bench.app
    app.answer(1, OK, bytes(16_384), ended=False)
    before = app.h2.local_flow_control_window(1)
    for _ in range(6):
        app.h2.send_data(1, bytes(16_384))
        app.talk()
    assert app.h2.local_flow_control_window(1) <= before - 6 * 16_384
    bench.transport.drain()
    app.talk()
    assert app.h2.local_flow_control_window(1) > before - 6 * 16_384


def test_an_answer_to_half_a_request_ends_the_clients_connection(bench: Bench) -> None:
    """And the stream, but not the connection that others share."""
    bench.send(CHUNKED + b"3\r\nabc\r\n")
    told = bench.answer(1, [(b":status", b"413"), (b"content-length", b"0")])
    assert told.endswith(b"Connection: close\r\n\r\n")
    assert bench.app.message(1).reset == 8
    assert not bench.http.pool.app().ended


def test_a_client_that_leaves_resets_its_stream(bench: Bench) -> None:
    """The app may stop working on it."""
    bench.send(GET)
    assert bench.app.message(1).ended
    bench.transport.end()
    assert bench.app.message(1).reset == 8


def test_a_stream_that_breaks_is_a_502_or_the_end(bench: Bench) -> None:
    """By whether the answer had begun."""
    bench.send(GET)
    bench.app.h2.reset_stream(1, 2)
    bench.app.talk()
    assert bench.http.statuses(bench.transport) == [502]
    bench.send(GET)
    bench.answer(3, OK, b"ab", ended=False)
    bench.app.h2.reset_stream(3, 2)
    bench.app.talk()
    bench.http.clock.advance(0)
    assert bench.transport.ended == "aborted"


def test_a_refused_stream_is_asked_for_once_more(bench: Bench) -> None:
    """RFC 9113 section 8.7: it was not looked at; an app that goes on refusing is not asked for ever."""
    bench.send(GET)
    for number in (1, 3):
        assert bench.app.message(number).ended
        bench.app.h2.reset_stream(number, 7)
        bench.app.talk()
    assert bench.http.statuses(bench.transport) == [502]
    client = Client(bench.http)
    message = client.ask(HEAD)
    for number in (5, 7):
        assert bench.app.message(number).ended
        bench.app.h2.reset_stream(number, 7)
        bench.app.talk()
    client.talk()
    assert message.status == 502


def test_an_upgrade_is_refused(bench: Bench) -> None:
    """HTTP/2 has none (RFC 9113 section 8.6): said clearly, and before anything is sent."""
    bench.send(
        b"GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
    )
    assert bench.http.statuses(bench.transport) == [501]
    reasons = [event["reason"] for event in bench.http.log.events() if event["event"] == "refused"]
    assert reasons == ["upgrade_refused"]
    assert bench.http.pool.opened == []


@pytest.fixture
def found_out(http: HttpInMemory) -> Bench:
    return Bench(http, UpstreamProtocol.AUTO)


def test_an_app_that_answers_in_http2_gets_it(found_out: Bench) -> None:
    """The same request, once more; and all that follow, at once."""
    found_out.send(GET)
    assert found_out.http.pool.app().take() == b"GET /x HTTP/1.1\r\nHost: shop\r\n\r\n"
    found_out.http.pool.opened[0].dataReceived(wire.SETTINGS)
    assert found_out.app.message(1).ended
    told = found_out.answer(1, [*OK, (b"content-length", b"2")], b"ok")
    assert told == b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok"
    found_out.send(CHUNKED + b"0\r\n\r\n")
    assert found_out.app.message(3).ended
    assert len(found_out.http.pool.opened) == 2


def test_what_cannot_be_sent_again_is_a_502_once(found_out: Bench) -> None:
    """A body that is gone; the next one gets through."""
    found_out.send(CHUNKED + b"0\r\n\r\n")
    found_out.http.pool.opened[0].dataReceived(wire.SETTINGS)
    assert found_out.http.statuses(found_out.transport) == [502]
    found_out.send(CHUNKED + b"0\r\n\r\n")
    assert found_out.app.message(1).ended


def test_an_app_that_speaks_neither_is_not_asked_for_ever(found_out: Bench) -> None:
    """SETTINGS to HTTP/1.1, and HTTP/1.1 to the preface: a 502, after one try of each."""
    found_out.send(GET)
    found_out.http.pool.opened[0].dataReceived(wire.SETTINGS)
    found_out.http.pool.app().protocol.dataReceived(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert found_out.http.statuses(found_out.transport) == [502]
    assert len(found_out.http.pool.opened) == 2
    found_out.send(GET)
    assert found_out.http.pool.app().take() == b"GET /x HTTP/1.1\r\nHost: shop\r\n\r\n"


def test_an_app_that_is_said_to_speak_http1_is_believed_to(http: HttpInMemory) -> None:
    """A 502, and no preface."""
    bench = Bench(http, UpstreamProtocol.HTTP1)
    bench.send(GET)
    for connection in (0, 1):
        assert http.pool.app(connection).take() == b"GET /x HTTP/1.1\r\nHost: shop\r\n\r\n"
        http.pool.opened[connection].dataReceived(wire.SETTINGS)
    assert http.statuses(bench.transport) == [502]

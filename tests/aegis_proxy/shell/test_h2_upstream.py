from collections.abc import Iterator

import pytest
from hpack import NeverIndexedHeaderTuple

from aegis_proxy.core.request import Request
from aegis_proxy.shell.exchange import Route
from support import h2_wire as wire
from support.h2_in_memory import GRPC, HEAD, POST, App, Client, Message, Pairs
from support.in_memory_http import APP, LABEL, HttpInMemory, http_in_memory

OK: Pairs = [(b":status", b"200")]
GRPC_OK: Pairs = [*OK, (b"content-type", b"application/grpc")]
DONE: Pairs = [(b"grpc-status", b"0")]


def route(request: Request) -> Route:
    """To the app, with a head as both sides make it."""
    lines = [b"%b %b HTTP/1.1" % (request.method, request.target), b"Host: " + request.host, *request.fields]
    return Route(APP, b"\r\n".join([*lines, b"\r\n"]), LABEL)


class Http2:
    """A client and an app that speak HTTP/2, and the proxy between them."""

    def __init__(self, http: HttpInMemory) -> None:
        self.http = http
        http.side.make = route
        self.client = Client(http)
        self._app: App | None = None

    @property
    def app(self) -> App:
        if self._app is None:
            self._app = App(self.http.pool.app())
        return self._app

    def ask(self, fields: Pairs = GRPC, body: bytes = b"ask", *, ended: bool = True) -> Message:
        message = self.client.ask(fields, body, ended=ended)
        self.app.talk()
        return message

    def answer(
        self, number: int, fields: Pairs, body: bytes = b"", trailers: Pairs = [], *, ended: bool = True
    ) -> None:
        self.app.answer(number, fields, body, trailers, ended=ended)
        self.client.talk()
        self.app.talk()

    def talk(self) -> None:
        self.client.talk()
        self.app.talk()
        self.client.talk()


@pytest.fixture
def mesh() -> Iterator[Http2]:
    with http_in_memory() as http:
        yield Http2(http)


def test_what_must_not_be_indexed_goes_on_as_such(mesh: Http2) -> None:
    """RFC 7541 section 6.2.3: both ways, each time; and what we know as a secret, however it came."""
    for number in (1, 3):
        message = mesh.ask([*GRPC, NeverIndexedHeaderTuple(b"x-key", b"k"), (b"cookie", b"c"), (b"x-plain", b"p")])
        assert mesh.app.message(number).secret == {b"x-key", b"cookie"}
        mesh.answer(number, [*OK, NeverIndexedHeaderTuple(b"x-code", b"c"), (b"set-cookie", b"c")])
        assert message.secret == {b"x-code", b"set-cookie"}


def test_u06_a_call_passes_whole(mesh: Http2) -> None:
    """Header section, body and trailers, both ways, over one connection."""
    for number in (1, 3):
        message = mesh.ask()
        came = mesh.app.message(number)
        assert came.head == [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":authority", b"shop"),
            (b":path", b"/x"),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
        ]
        assert (came.body, came.ended) == (b"ask", True)
        mesh.answer(number, GRPC_OK, b"answer", DONE)
        assert (message.head, message.body, message.trailers, message.ended) == (GRPC_OK, b"answer", DONE, True)
    assert len(mesh.http.pool.opened) == 1


def test_u06_a_response_of_trailers_alone_passes(mesh: Http2) -> None:
    """As gRPC servers refuse."""
    message = mesh.ask()
    mesh.answer(1, [*GRPC_OK, (b"grpc-status", b"5")])
    assert dict(message.head)[b"grpc-status"] == b"5"
    assert (message.body, message.trailers, message.ended) == (b"", [], True)


def test_only_grpc_gets_trailers(mesh: Http2) -> None:
    """Of all others they are dropped."""
    message = mesh.ask(HEAD, b"")
    mesh.answer(1, OK, b"body", [(b"x-sum", b"1")])
    assert (message.body, message.trailers, message.ended) == (b"body", [], True)


def test_interim_responses_pass(mesh: Http2) -> None:
    """Eight of them, but not nine."""
    for count, status in ((8, 200), (9, 502)):
        message = mesh.ask(HEAD, b"")
        number = mesh.client.last
        for _ in range(count):
            mesh.app.h2.send_headers(number, [(b":status", b"103")])
        if count == 8:
            mesh.app.h2.send_headers(number, OK, end_stream=True)
        mesh.talk()
        assert (len(message.interim), message.status) == (8, status)


def test_u06_a_cancelled_call_is_cancelled_at_the_app(mesh: Http2) -> None:
    """By RST_STREAM, and the connection goes on."""
    mesh.ask()
    mesh.client.h2.reset_stream(1, 8)
    mesh.talk()
    assert mesh.app.message(1).reset == 8
    mesh.ask()
    assert mesh.app.message(3).body == b"ask"


@pytest.mark.parametrize("answered", [True, False])
def test_u06_a_reset_by_the_app_passes(mesh: Http2, answered: bool) -> None:
    """With its code, before its response and within."""
    message = mesh.ask()
    if answered:
        mesh.answer(1, GRPC_OK, b"part", ended=False)
    mesh.app.h2.reset_stream(1, 11)
    mesh.talk()
    assert message.reset == 11
    assert (message.body == b"part") is answered


def test_a_reset_of_a_plain_request_is_a_502(mesh: Http2) -> None:
    """Before its response; within it there is only the reset."""
    early, within = mesh.ask(POST), mesh.ask(POST)
    mesh.app.h2.reset_stream(1, 2)
    mesh.answer(3, OK, b"part", ended=False)
    mesh.app.h2.reset_stream(3, 8)
    mesh.talk()
    assert (early.status, within.status, within.reset) == (502, 200, 8)


def test_what_the_app_refused_is_sent_again_if_it_may_be(mesh: Http2) -> None:
    """REFUSED_STREAM says that nothing was done (RFC 9113 section 8.7): a GET goes out again, a POST's body is gone."""
    get, post = mesh.ask(HEAD, b""), mesh.ask(POST)
    mesh.app.h2.reset_stream(1, 7)
    mesh.app.h2.reset_stream(3, 7)
    mesh.talk()
    mesh.answer(5, OK, b"again")
    assert (get.status, get.body, post.status) == (200, b"again", 502)


def test_an_answer_to_half_a_request_ends_it(mesh: Http2) -> None:
    """The app's stream is reset, the client's with NO_ERROR."""
    message = mesh.ask(ended=False)
    mesh.answer(1, [*GRPC_OK, (b"grpc-status", b"3")])
    assert (message.ended, message.reset, mesh.app.message(1).reset) == (True, 0, 8)


MALFORMED = {
    "f28-status": [(b":status", b"99")],
    "f28-no-status": [(b"x", b"y")],
    "f28-crlf": [*OK, (b"x", b"1\r\nSet-Cookie: evil")],
    "f28-connection": [*OK, (b"connection", b"close")],
    "u03-upgrade": [(b":status", b"101")],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_f28_a_malformed_response_is_a_502(mesh: Http2, fields: Pairs) -> None:
    """Its stream is reset; the other requests on the connection go on."""
    other, message = mesh.ask(), mesh.ask(POST)
    mesh.app.protocol.dataReceived(wire.headers(3, fields, ended=False))
    mesh.talk()
    assert (message.status, mesh.app.message(3).reset) == (502, 1)
    mesh.answer(1, GRPC_OK, b"", DONE)
    assert other.trailers == DONE


def test_f28_a_body_is_held_to_its_length(mesh: Http2) -> None:
    """Longer or shorter than it said: the caller's stream is reset, for its response has begun."""
    longer, shorter, trailed = mesh.ask(POST), mesh.ask(POST), mesh.ask(POST)
    length = [*OK, (b"content-length", b"3")]
    for number, body, ended in ((1, b"four", False), (3, b"ab", True), (5, b"ab", False)):
        mesh.app.protocol.dataReceived(wire.headers(number, length, ended=False))
        mesh.app.protocol.dataReceived(wire.frame(wire.DATA, int(ended), number, body))
    mesh.app.protocol.dataReceived(wire.headers(5, [(b"x", b"y")]))
    mesh.talk()
    assert [message.reset for message in (longer, shorter, trailed)] == [2, 2, 2]


def test_malformed_trailers_reset_the_stream(mesh: Http2) -> None:
    """What is no field cannot be passed on."""
    message = mesh.ask()
    mesh.answer(1, GRPC_OK, b"x", ended=False)
    mesh.app.protocol.dataReceived(wire.headers(1, [(b"Grpc-Status", b"0")]))
    mesh.talk()
    assert message.reset == 2


def test_a_connection_error_ends_all_calls(mesh: Http2) -> None:
    """The app hears why, the callers get a 502 or UNAVAILABLE, and the next one a new connection."""
    plain, called = mesh.ask(POST), mesh.ask()
    mesh.app.protocol.dataReceived(wire.frame(wire.DATA, 0, 0, b"x"))
    mesh.talk()
    assert (plain.status, dict(called.head)[b"grpc-status"]) == (502, b"14")
    assert mesh.app.goaway == 1
    mesh.client.ask()
    assert len(mesh.http.pool.opened) == 2


def test_an_app_that_goes_away_ends_all_calls(mesh: Http2) -> None:
    """Before or within their responses."""
    early, within = mesh.ask(), mesh.ask()
    mesh.answer(3, GRPC_OK, b"part", ended=False)
    mesh.app.transport.end()
    mesh.client.talk()
    assert (dict(early.head)[b"grpc-status"], within.reset) == (b"14", 2)


def test_a_goaway_lets_open_calls_end(mesh: Http2) -> None:
    """Those that the app has not looked at are refused or sent again; new ones get another connection."""
    first, second, third = mesh.ask(), mesh.ask(HEAD, b""), mesh.ask()
    goaway = wire.frame(wire.GOAWAY, 0, 0, (1).to_bytes(4, "big") + bytes(4))
    mesh.app.protocol.dataReceived(goaway)
    mesh.client.talk()
    assert len(mesh.http.pool.opened) == 2
    assert third.reset == 7
    other = App(mesh.http.pool.app(1))
    other.talk()
    other.answer(1, OK, b"elsewhere")
    mesh.client.talk()
    assert (second.status, second.body) == (200, b"elsewhere")
    ends = [mesh.app.transport.ended]
    mesh.app.answer(1, GRPC_OK, b"", DONE)
    mesh.client.talk()
    ends.append(mesh.app.transport.ended)
    assert first.trailers == DONE
    assert ends == ["", "closed"]


def test_a_goaway_closes_an_idle_connection(mesh: Http2) -> None:
    """Nothing is lost with it."""
    mesh.ask()
    mesh.answer(1, GRPC_OK, b"", DONE)
    mesh.app.protocol.dataReceived(wire.frame(wire.GOAWAY, 0, 0, bytes(8)))
    assert mesh.app.transport.ended == "closed"


def test_a_slow_client_stops_the_app_on_its_stream_alone(mesh: Http2) -> None:
    """Its window is not given back; the others' are."""
    slow, quick = mesh.ask(), mesh.ask()
    mesh.client.acknowledging = False
    for number in (1, 3):
        mesh.app.h2.send_headers(number, GRPC_OK)
    size = 128 * 1024
    for _ in range(size // 16_384):
        mesh.app.h2.send_data(1, b"x" * 16_384)
    mesh.talk()
    assert len(slow.body) == 65_535
    assert mesh.app.h2.local_flow_control_window(1) == 0
    mesh.client.h2.increment_flow_control_window(1_000_000)
    mesh.talk()
    assert len(slow.body) == 65_535
    mesh.app.h2.send_data(3, b"quick", end_stream=True)
    mesh.talk()
    assert quick.body == b"quick"
    mesh.client.h2.increment_flow_control_window(size, 1)
    mesh.talk()
    assert len(slow.body) == size
    assert mesh.app.h2.local_flow_control_window(1) >= size // 2


def test_a_slow_app_stops_the_client(mesh: Http2) -> None:
    """What does not fit its window waits here, and is not given back to the client's."""
    mesh.ask(ended=False)
    mesh.app.acknowledging = False
    number, sent = mesh.client.last, 0
    for _ in range(11):
        mesh.client.h2.send_data(number, b"x" * 16_000)
        sent += 16_000
        mesh.talk()
        if mesh.client.h2.local_flow_control_window(number) < 16_000:
            break
    got = len(mesh.app.message(1).body)
    assert got == 65_535
    assert sent - got <= 128 * 1024
    mesh.app.h2.increment_flow_control_window(1_000_000)
    mesh.app.h2.increment_flow_control_window(1_000_000, 1)
    mesh.talk()
    assert len(mesh.app.message(1).body) == sent + 3
    mesh.talk()
    assert mesh.client.h2.local_flow_control_window(number) > 60_000


def test_frames_for_calls_that_are_over_are_passed_over(mesh: Http2) -> None:
    """The app may not know yet."""
    mesh.ask()
    mesh.client.h2.reset_stream(1, 8)
    mesh.client.talk()
    mesh.app.protocol.dataReceived(wire.headers(1, GRPC_OK, ended=False) + wire.frame(wire.DATA, 0, 1, b"late"))
    assert not mesh.app.transport.ended

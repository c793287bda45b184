import subprocess
import sys
from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred

from aegis_proxy.core.refusals import NOT_ALLOWED, Refused
from aegis_proxy.shell.crowd import INFINITE
from support import h2_wire as wire
from support.h2_in_memory import GRPC, HEAD, POST, Client
from support.in_memory_http import HttpInMemory, http_in_memory, route

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        wired.http1_upstreams()
        yield wired


def test_a_connection_that_begins_with_the_preface_is_http2(http: HttpInMemory) -> None:
    """Whole or byte by byte; requests on it are answered, to the app as HTTP/1.1."""
    data = wire.PREFACE + wire.SETTINGS + wire.headers(1)
    for size in (1, len(data)):
        protocol, transport = http.connect()
        for at in range(0, len(data), size):
            transport.protocol.dataReceived(data[at : at + size])
        assert transport.protocol is not protocol
        http.pool.opened[-1].dataReceived(OK)
        kinds = [kind for kind, _, _, _ in wire.frames(transport.take())]
        assert kinds == [wire.SETTINGS_, wire.WINDOW_UPDATE, wire.SETTINGS_, wire.HEADERS, wire.DATA]
    assert [request.path for request in http.side.asked] == [b"/public"] * 2


def test_d03_a_connection_without_streams_is_idle(http: HttpInMemory) -> None:
    """From its last answer on; one with a stream is not, and none is twice."""
    _, transport = http.connect()
    transport.protocol.dataReceived(wire.PREFACE + wire.SETTINGS)
    assert transport.protocol.idle_since == http.clock.seconds()
    http.wait(3)
    transport.protocol.dataReceived(wire.headers(1))
    assert transport.protocol.idle_since == INFINITE
    http.pool.opened[-1].dataReceived(OK)
    assert transport.protocol.idle_since == http.clock.seconds()
    transport.take()
    transport.protocol.evict()
    (goaway,) = [payload for kind, _, _, payload in wire.frames(transport.take()) if kind == wire.GOAWAY]
    assert (goaway[:4], goaway[4:8]) == (bytes((0, 0, 0, 1)), bytes(4))
    assert transport.protocol.idle_since == INFINITE
    http.wait(3)
    assert transport.ended == "aborted"


def test_d03_a_header_section_that_does_not_become_whole_is_no_work(http: HttpInMemory) -> None:
    """Its place may be taken."""
    _, transport = http.connect()
    transport.protocol.dataReceived(wire.PREFACE)
    assert transport.protocol.idle_since == http.clock.seconds()
    transport.protocol.evict()
    assert [payload[4:8] for kind, _, _, payload in wire.frames(transport.take()) if kind == wire.GOAWAY] == [
        (11).to_bytes(4, "big")
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n",
        b"PRI * HTTP/2.0\r\nHost: a\r\n\r\n",
        b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
    ],
)
def test_m05_what_only_resembles_the_preface_is_refused(http: HttpInMemory, data: bytes) -> None:
    """505, whole or byte by byte."""
    for size in (1, len(data)):
        client, transport = http.connect()
        for at in range(0, len(data), size):
            client.dataReceived(data[at : at + size])
        assert http.statuses(transport) == [505]
        assert transport.write_closed


def test_m05_a_preface_behind_a_request_is_refused(http: HttpInMemory) -> None:
    """HTTP/2 begins with the connection, or not at all."""
    client, transport = http.connect()
    client.dataReceived(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" + wire.PREFACE)
    http.pool.opened[0].dataReceived(OK)
    assert http.statuses(transport) == [200, 505]


def test_streams_are_served_at_the_same_time(http: HttpInMemory) -> None:
    """Answers come in the order in which the app gives them, on the streams that they belong to."""
    client = Client(http)
    first, second = client.ask(), client.ask()
    http.pool.opened[1].dataReceived(OK.replace(b"ok", b"22"))
    client.talk()
    assert (first.ended, second.ended, second.body) == (False, True, b"22")
    http.pool.opened[0].dataReceived(OK)
    client.talk()
    assert (first.status, first.body, first.ended) == (200, b"ok", True)
    assert [event["path"] for event in http.log.events() if event["event"] == "access"] == ["/x", "/x"]
    assert len(http.server.connections) == 1


def test_u02_streams_are_judged_one_by_one(http: HttpInMemory) -> None:
    """A refusal ends its stream alone."""
    client = Client(http)
    http.side.answers = [Refused(NOT_ALLOWED)]
    refused, passed = client.ask(), client.ask()
    http.pool.opened[0].dataReceived(OK)
    client.talk()
    assert (refused.status, passed.status, passed.body) == (403, 200, b"ok")
    assert client.goaway is None


def test_trailers_of_a_stream_that_is_over_are_no_request(http: HttpInMemory) -> None:
    """Whether they come in one piece with the request that was reset, or behind it."""
    malformed = wire.headers(1, [(b":bad", b"1"), *wire.GET], ended=False)
    for pieces in ((malformed + wire.headers(1),), (malformed, wire.headers(1))):
        _, transport = http.connect()
        transport.protocol.dataReceived(wire.PREFACE + wire.SETTINGS)
        transport.take()
        for piece in pieces:
            transport.protocol.dataReceived(piece)
        assert wire.RST_STREAM in [kind for kind, _, _, _ in wire.frames(transport.take())]
    assert http.side.asked == []
    assert http.pool.opened == []


def test_a_connection_error_ends_all_with_a_goaway(http: HttpInMemory) -> None:
    """The client hears why, its requests end, and the log has a line for each."""
    client = Client(http)
    client.ask()
    client.protocol.dataReceived(wire.frame(wire.DATA, 0, 99, b"x"))
    client.talk()
    assert client.goaway == 1
    assert client.transport.write_closed
    assert http.pool.app().ended in ("aborted", "")
    http.wait(3)
    assert http.pool.app().ended == "aborted"
    assert client.transport.ended == "aborted"
    assert http.metrics.aborted == {"inbound": 1}
    assert http.server.connections == set()


def test_a_connection_error_without_requests_is_recorded(http: HttpInMemory) -> None:
    """And what comes after it is not looked at."""
    client = Client(http)
    client.protocol.dataReceived(wire.frame(wire.PING, 0, 0, b"short"))
    client.protocol.dataReceived(wire.headers(1))
    assert http.side.asked == []
    assert "HTTP/2 connection error 6" in http.log.text()


def test_a_client_that_goes_away_ends_its_requests(http: HttpInMemory) -> None:
    """The app hears of it."""
    client = Client(http)
    client.ask()
    client.ask()
    client.transport.end()
    http.wait(1)
    assert [http.pool.app(number).ended for number in (0, 1)] == ["aborted"] * 2
    assert http.metrics.aborted == {"inbound": 2}
    assert http.server.connections == set()


def test_drain_lets_open_streams_end_and_takes_no_new_ones(http: HttpInMemory) -> None:
    """GOAWAY twice (RFC 9113 section 6.8): what is on its way meanwhile is served, what comes later is refused."""
    protocol, transport = http.connect()
    protocol.dataReceived(wire.PREFACE + wire.SETTINGS + wire.headers(1))
    h2 = transport.protocol
    transport.take()
    http.server.drain()
    (kind, _, _, payload), (ping, _, _, opaque) = wire.frames(transport.take())
    assert (kind, payload, ping) == (wire.GOAWAY, b"\x7f\xff\xff\xff" + bytes(4), wire.PING)
    h2.dataReceived(wire.headers(3))
    assert len(http.side.asked) == 2
    h2.dataReceived(wire.frame(wire.PING, wire.ACK, 0, opaque))
    h2.dataReceived(wire.headers(5))
    assert [(kind, stream, payload) for kind, _, stream, payload in wire.frames(transport.take())] == [
        (wire.GOAWAY, 0, (3).to_bytes(4, "big") + bytes(4)),
        (wire.RST_STREAM, 5, (7).to_bytes(4, "big")),
    ]
    for app in http.pool.opened:
        assert not transport.write_closed
        app.dataReceived(OK)
    assert transport.write_closed
    http.server.drain()
    http.wait(3)
    assert transport.ended == "aborted"


def test_drain_closes_an_idle_connection(http: HttpInMemory) -> None:
    """At once when the client answers, soon when it does not."""
    for answers in (True, False):
        protocol, transport = http.connect()
        protocol.dataReceived(wire.PREFACE + wire.SETTINGS)
        http.server.drain()
        http.server.drain()
        assert not transport.write_closed
        if answers:
            transport.protocol.dataReceived(wire.frame(wire.PING, wire.ACK, 0, bytes(8)))
        else:
            http.wait(3)
        assert transport.write_closed


def test_an_idle_connection_is_closed_in_the_end(http: HttpInMemory) -> None:
    """After five minutes without a request, with a GOAWAY."""
    client = Client(http)
    client.ask()
    http.pool.opened[0].dataReceived(OK)
    client.talk()
    http.wait(299)
    assert not client.transport.write_closed
    http.wait(3)
    client.talk()
    assert client.goaway == 0
    assert client.transport.write_closed


def test_d01_settings_must_come_in_time(http: HttpInMemory) -> None:
    """A client that says nothing after its preface is sent away."""
    protocol, transport = http.connect()
    protocol.dataReceived(wire.PREFACE)
    http.wait(12)
    assert transport.write_closed
    assert wire.frames(transport.take())[-1][0] == wire.GOAWAY


def test_d01_a_header_section_must_be_whole_in_time(http: HttpInMemory) -> None:
    """However many frames it drips in; requests that go on on the same connection end with it."""
    client = Client(http)
    client.ask()
    client.protocol.dataReceived(wire.frame(wire.HEADERS, 0, 3, b""))
    for _ in range(5):
        http.wait(2)
        client.protocol.dataReceived(wire.frame(wire.CONTINUATION, 0, 3, b""))
    assert not client.transport.write_closed
    http.wait(2)
    client.talk()
    assert client.goaway == 11
    assert client.transport.write_closed


def test_a_whole_header_section_lifts_its_deadline(http: HttpInMemory) -> None:
    """The request then has its own."""
    client = Client(http)
    block = wire.literal(HEAD)
    client.protocol.dataReceived(wire.frame(wire.HEADERS, wire.END_STREAM, 1, block[:9]))
    client.protocol.dataReceived(wire.frame(wire.CONTINUATION, wire.END_HEADERS, 1, block[9:]))
    http.wait(200)
    assert not client.transport.write_closed


@pytest.mark.parametrize("fields", [HEAD, GRPC])
def test_d08_a_stream_that_does_not_move_is_ended(http: HttpInMemory, fields: list[tuple[bytes, bytes]]) -> None:
    """A client whose window stays shut gets no more patience than one that does not read at all."""
    client = Client(http)
    client.h2.update_settings({4: 0})
    message = client.ask(fields)
    http.pool.opened[0].dataReceived(OK)
    client.talk()
    assert (message.status, message.body) == (200, b"")
    http.wait(302)
    client.talk()
    assert message.reset == 8
    assert client.goaway is None


def test_d08_answers_that_nobody_reads_are_not_piled_up(http: HttpInMemory) -> None:
    """A client that asks and asks and reads nothing is cut off."""
    client = Client(http)
    client.transport.full = True
    for _ in range(20_000):
        client.protocol.dataReceived(wire.frame(wire.PING, 0, 0, bytes(8)))
        http.clock.advance(0.01)
    assert client.transport.ended == "aborted"
    assert len(client.transport.written) < 512 * 1024


def test_the_server_may_cut_or_revoke_what_has_no_request(http: HttpInMemory) -> None:
    """A connection as such has nothing to revoke."""
    client = Client(http)
    client.protocol.revoke(Refused(NOT_ALLOWED))
    assert client.protocol.under_way is None
    client.protocol.cut()
    http.wait(1)
    assert client.transport.ended == "aborted"


def test_u01_an_upgrade_to_h2c_is_ignored(http: HttpInMemory) -> None:
    """The request is one of HTTP/1.1, and neither field reaches the app."""
    client, transport = http.connect()
    client.dataReceived(
        b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    )
    (request,) = http.side.asked
    assert [line for line in request.fields if b"2" in line] == []
    assert request.upgrade == b""
    http.pool.opened[0].dataReceived(OK)
    assert transport.take() == OK


def test_a_route_that_is_found_later_is_waited_for(http: HttpInMemory) -> None:
    """The body that comes meanwhile is held and passed on."""
    found: Deferred[object] = Deferred()
    http.side.answers = [found]  # type: ignore[list-item]  # a Deferred of a Route
    client = Client(http)
    message = client.ask(POST, b"body", ended=False)
    assert http.pool.opened == []
    found.callback(route(http.side.asked[0]))
    assert http.pool.app().take().endswith(b"4\r\nbody\r\n")
    client.h2.end_stream(client.last)
    client.talk()
    assert http.pool.app().take() == b"0\r\n\r\n"
    http.pool.opened[0].dataReceived(OK)
    client.talk()
    assert message.ended


def test_who_speaks_only_http1_loads_none_of_it() -> None:
    """Neither memory nor the time of the start is spent on HTTP/2, but for its words."""
    script = (
        "import sys, aegis_proxy.shell.main; print([name for name in sys.modules if 'h2_' in name or 'hpack' in name])"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded == "['aegis_proxy.core.h2_events', 'aegis_proxy.core.h2_frames']\n"

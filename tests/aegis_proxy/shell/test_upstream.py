import gc
import socket
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from aegis_proxy.core.fields import egress_role
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.core.request import parse_request
from aegis_proxy.core.response import Response
from aegis_proxy.shell.upstream import UpstreamConnection, UpstreamPool
from support import h2_wire as wire
from support.h2_in_memory import POST, Client
from support.in_memory_http import APP, HttpInMemory, PoolInMemory, http_in_memory
from support.on_reactor import on_reactor, reactor

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
ASKED = parse_request(GET[:-4], egress_role, canonical=False)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


class Exchange:
    """Hears of a response."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def interim(self, response: Response) -> None:
        self.heard.append(response.status)

    def respond(self, response: Response, payload: bytes, done: bool) -> None:
        self.heard.append((response.status, payload, done))

    def trailers(self, fields: Fields) -> None:
        self.heard.append(fields)

    def switch(self, response: Response, data: bytes) -> None:
        self.heard.append((response.status, data))

    def more(self, payload: bytes, done: bool) -> None:
        self.heard.append((payload, done))

    def broken(self, refused: Refused, unanswered: bool) -> None:
        self.heard.append((refused.refusal.status, unanswered))

    def pause_sending(self) -> None:
        self.heard.append("pause")

    def resume_sending(self) -> None:
        self.heard.append("resume")


def connected(http: HttpInMemory) -> UpstreamConnection:
    made: list[UpstreamConnection] = []
    http.pool.connect(APP).addCallback(made.append)
    return made[0]


def test_an_exchange_hears_of_its_response(http: HttpInMemory) -> None:
    """Interim ones first, then the final one, piece by piece."""
    connection, exchange = connected(http), Exchange()
    connection.start(exchange, ASKED, GET, ended=True)
    connection.dataReceived(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
    connection.dataReceived(b"cd")
    assert exchange.heard == [103, (200, b"ab", False), (b"cd", True)]


def test_an_app_that_does_not_read_pauses_who_sends(http: HttpInMemory) -> None:
    """And lets it go on."""
    connection, exchange = connected(http), Exchange()
    http.pool.app().full = True
    connection.start(exchange, ASKED, GET, ended=True)
    http.pool.app().drain()
    assert exchange.heard == ["pause", "resume"]


@pytest.mark.parametrize(
    ("data", "reused", "unanswered"),
    [(b"", False, False), (b"", True, True), (b"HTTP/1.1", True, False), (b"HTTP/1.1 103 x\r\n\r\n", True, False)],
)
def test_f32_only_a_used_connection_that_said_nothing_may_have_been_closed_before(
    http: HttpInMemory, data: bytes, reused: bool, unanswered: bool
) -> None:
    """All else may have been at work on the request."""
    connection, exchange = connected(http), Exchange()
    if reused:
        connection.start(Exchange(), ASKED, GET, ended=True)
        connection.dataReceived(OK)
        connection.release(complete=True)
        assert http.pool.take(APP) is connection
    connection.start(exchange, ASKED, GET, ended=True)
    if data:
        connection.dataReceived(data)
    http.pool.app().end()
    assert exchange.heard[-1] == (502, unanswered)


def test_the_last_connection_used_is_the_first_one_taken(http: HttpInMemory) -> None:
    """It is the least likely to be closed by now; beyond the limit the oldest go."""
    pool = PoolInMemory(http.clock, idle=2)
    connections: list[UpstreamConnection] = []
    for _ in range(3):
        pool.connect(APP).addCallback(connections.append)
    for connection in connections:
        connection.start(Exchange(), ASKED, GET, ended=True)
        connection.dataReceived(OK)
        connection.release(complete=True)
    http.clock.advance(0)
    assert pool.app(0).ended == "aborted"
    assert pool.take(APP) is connections[2]
    assert pool.take(("127.0.0.1", 1)) is None
    pool.close()
    http.clock.advance(0)
    assert pool.app(1).ended == "aborted"
    assert pool.take(APP) is None


def test_what_nobody_needs_for_a_minute_is_closed(http: HttpInMemory) -> None:
    """Who is asked again and again keeps the connections that this takes, and no more."""
    for _ in range(2):
        http.pool.connect(APP)
    for connection in http.pool.opened:
        connection.start(Exchange(), ASKED, GET, ended=True)
        connection.dataReceived(OK)
        connection.release(complete=True)
    for _ in range(61):
        http.pool.sweep()
        needed = http.pool.take(APP)
        assert needed is http.pool.opened[1]
        needed.start(Exchange(), ASKED, GET, ended=True)
        needed.dataReceived(OK)
        needed.release(complete=True)
    http.clock.advance(0)
    assert [http.pool.app(number).ended for number in range(2)] == ["aborted", ""]
    for _ in range(61):
        http.pool.sweep()
    http.clock.advance(0)
    assert http.pool.app(1).ended == "aborted"
    assert http.pool.take(APP) is None
    assert not http.pool._idle


@pytest.mark.parametrize("late", [b"HTTP/1.1 200 OK\r\n\r\n", b"x"])
def test_f29_an_idle_connection_that_speaks_is_dropped(http: HttpInMemory, late: bytes) -> None:
    """Nobody asked for what it says; it must not answer the next request."""
    connection = connected(http)
    connection.start(Exchange(), ASKED, GET, ended=True)
    connection.dataReceived(OK)
    connection.release(complete=True)
    connection.dataReceived(late)
    assert http.pool.take(APP) is None


def test_a_connection_whose_app_closes_is_not_kept(http: HttpInMemory) -> None:
    """It said so."""
    connection = connected(http)
    connection.start(Exchange(), ASKED, GET, ended=True)
    connection.dataReceived(OK.replace(b"Content", b"Connection: close\r\nContent"))
    connection.release(complete=True)
    assert http.pool.take(APP) is None


def test_a_port_where_nobody_listens_is_refused() -> None:
    """On a real socket: the detail names the address and no more."""

    async def work() -> Refused:
        made: Deferred[UpstreamConnection] = UpstreamPool(reactor).connect(("127.0.0.1", 1))
        try:
            await made
        except Refused as refused:
            return refused
        raise AssertionError("somebody listens on port 1")

    refused = on_reactor(work())
    assert (refused.refusal, refused.detail) == (UPSTREAM_UNREACHABLE, "127.0.0.1:1: ConnectionRefusedError")


def test_a_host_that_does_not_answer_is_given_up() -> None:
    """Its address is there, and nobody takes the connection: 502 after the time to connect."""

    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, ExitStack() as waiting:
            for _ in range(4):  # until its queue is full, after which the kernel answers no more
                other = waiting.enter_context(socket.socket())
                other.setblocking(False)
                other.connect_ex(deaf.getsockname())
            pool = UpstreamPool(reactor, connect_timeout=0.3)
            with pytest.raises(Refused) as caught:
                await pool.connect(deaf.getsockname())
            assert caught.value.refusal.status == 502
            pool.close()

    on_reactor(work())


def test_what_is_gone_leaves_nothing_to_collect() -> None:
    """A cycle would stay until the garbage collector comes, and thousands of connections come and go until then."""

    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            pool = UpstreamPool(reactor)
            connection = await pool.connect(listening.getsockname())
            left: list[weakref.ref[Any]] = [weakref.ref(connection), weakref.ref(connection.transport)]
            connection.abandon()
            del connection
            for _ in range(1000):
                if not any(reference() for reference in left):
                    return
                await deferLater(reactor, 0.02)
        raise AssertionError("they are still there")

    gc.disable()
    try:
        on_reactor(work())
    finally:
        gc.enable()


def test_a_connection_that_nobody_waits_for_is_not_made() -> None:
    """On a real socket: given up while it is dialled, it does not stay open for ever."""

    async def work() -> None:
        made = UpstreamPool(reactor).connect(("127.0.0.1", 1))
        made.cancel()
        with pytest.raises(CancelledError):
            await made

    on_reactor(work())


def test_a_connection_serves_again_when_all_is_whole() -> None:
    """Request and response; after half a request it is dropped."""
    with http_in_memory() as http:
        http.http1_upstreams()
        client = Client(http)
        for ended in (True, False, True):
            client.ask(POST, b"body", ended=ended)
            http.pool.opened[-1].dataReceived(OK)
            client.talk()
        assert len(http.pool.opened) == 2


def test_empty_pieces_of_a_body_are_no_last_chunk() -> None:
    """An empty chunk would end the request."""
    with http_in_memory() as http:
        http.http1_upstreams()
        client = Client(http)
        client.ask(POST, ended=False)
        http.pool.app().take()
        client.h2.send_data(client.last, b"", pad_length=3)
        client.talk()
        assert http.pool.app().take() == b""
        client.h2.send_data(client.last, b"ab", end_stream=True)
        client.talk()
        assert http.pool.app().take() == b"2\r\nab\r\n0\r\n\r\n"


SETTINGS_OF = {
    "grpcio": bytes.fromhex("000024040000000000000200000000000300000000000400003fff000500004000"),
    "empty": wire.SETTINGS,
}


@pytest.mark.parametrize("greeting", SETTINGS_OF.values(), ids=SETTINGS_OF)
def test_an_upstream_that_answers_in_http2_is_remembered(http: HttpInMemory, greeting: bytes) -> None:
    """The first time the request may be sent again, as nobody can have read it; after that it would have no end."""
    for unanswered in (True, False):
        connection, exchange = connected(http), Exchange()
        connection.start(exchange, ASKED, GET, ended=True)
        connection.dataReceived(greeting)
        assert exchange.heard == [(502, unanswered)]
        assert http.pool.speaks_http2(APP)
    http.pool.forget_http2(APP)
    assert not http.pool.speaks_http2(APP)


def test_a_used_connection_does_not_change_its_language(http: HttpInMemory) -> None:
    """It has answered in HTTP/1.1 before: that is a broken answer."""
    connection, exchange = connected(http), Exchange()
    connection.start(Exchange(), ASKED, GET, ended=True)
    connection.dataReceived(OK)
    connection.release(complete=True)
    http.pool.take(APP)
    connection.start(exchange, ASKED, GET, ended=True)
    connection.dataReceived(wire.SETTINGS)
    http.pool.app().end()
    assert exchange.heard == [(502, False)]
    assert not http.pool.speaks_http2(APP)


def test_what_is_known_of_upstreams_is_bounded(http: HttpInMemory) -> None:
    """An egress proxy sees any number of them."""
    for port in range(1025):
        assert http.pool.note_http2(("127.0.0.1", port))
    assert not http.pool.speaks_http2(("127.0.0.1", 0))
    assert http.pool.speaks_http2(("127.0.0.1", 1024))

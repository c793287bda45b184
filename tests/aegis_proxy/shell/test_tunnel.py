from collections.abc import Iterator

import pytest
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from aegis_proxy.core.refusals import NOT_ALLOWED, Refused
from aegis_proxy.core.websocket import GOING_AWAY, close_frame
from aegis_proxy.core.websocket import NOT_ALLOWED as POLICY
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.tunnel import Tunnel
from support.in_memory_http import APP, LABEL, HttpInMemory, MemoryTransport, http_in_memory

ASK = b"GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
RAW = ASK.replace(b"websocket", b"tcp")
AGREED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
HALF = b"\x82\x05he"  # of a frame of five bytes


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


class Open:
    """A tunnel: what `client` and `app` say goes through the protocols that the transports have by now."""

    def __init__(self, http: HttpInMemory, ask: bytes = ASK, early: bytes = b"", behind: bytes = b"") -> None:
        connection, self.client = http.connect()
        connection.dataReceived(ask + early)
        self.app: MemoryTransport = http.pool.app()
        assert early not in self.app.written or not early
        self.app.written = b""
        http.pool.opened[-1].dataReceived(AGREED.replace(b"websocket", ask.split(b"Upgrade: ")[1].split()[0]) + behind)
        assert self.client.written.startswith(b"HTTP/1.1 101 ")
        (tunnel,) = http.server.connections
        assert isinstance(tunnel, Tunnel)
        self.tunnel = tunnel

    def client_says(self, data: bytes) -> None:
        self.client.protocol.dataReceived(data)

    def app_says(self, data: bytes) -> None:
        self.app.protocol.dataReceived(data)


def test_u04_what_comes_early_is_held_until_the_101(http: HttpInMemory) -> None:
    """Nothing of it reaches the app before; behind the 101 it is the first."""
    tunnel = Open(http, early=b"early", behind=b"welcome")
    assert tunnel.client.take().endswith(b"\r\n\r\nwelcome")
    assert tunnel.app.take() == b"early"


def test_bytes_pass_both_ways_as_they_come(http: HttpInMemory) -> None:
    """And are counted when it ends; the connection to the app is not used again."""
    tunnel = Open(http, RAW)
    tunnel.client.take()
    tunnel.client_says(b"GET /admin HTTP/1.1\r\n\r\n")
    tunnel.app_says(b"abc")
    assert (tunnel.app.take(), tunnel.client.take()) == (b"GET /admin HTTP/1.1\r\n\r\n", b"abc")
    assert len(http.side.asked) == 1
    tunnel.app.end()
    assert tunnel.client.ended == "closed"
    assert http.server.connections == set()
    assert http.pool.take(APP) is None
    text = http.metrics.text()
    assert 'aegis_tunnels_total{direction="inbound",kind="upgrade"} 1' in text
    assert 'aegis_tunnel_sent_bytes_total{direction="inbound",kind="upgrade"} 23' in text
    assert 'aegis_tunnel_received_bytes_total{direction="inbound",kind="upgrade"} 3' in text
    assert "aegis_exchanges_aborted_total{" not in text
    assert '"event":"tunnel"' in http.log.text()


def test_u05_who_does_not_read_stops_the_other_side(http: HttpInMemory) -> None:
    """Either way, until it reads again."""
    tunnel = Open(http)
    for full, other, says in (
        (tunnel.client, tunnel.app, tunnel.app_says),
        (tunnel.app, tunnel.client, tunnel.client_says),
    ):
        full.full = True
        says(b"\x82\x00")
        assert not other.reading
        full.drain()
        assert other.reading


def test_u05_half_closes_pass_both_ways(http: HttpInMemory) -> None:
    """Who has said all may still listen; the end is when both have."""
    tunnel = Open(http, RAW)
    tunnel.client.protocol.readConnectionLost()
    assert tunnel.app.write_closed
    assert tunnel.app.ended == tunnel.client.ended == ""
    tunnel.app_says(b"the answer")
    assert tunnel.client.take().endswith(b"the answer")
    tunnel.app.protocol.readConnectionLost()
    assert tunnel.client.ended == tunnel.app.ended == "closed"


def test_a_client_that_has_finished_before_the_101(http: HttpInMemory) -> None:
    """Its half-close follows what it said."""
    connection, client = http.connect()
    connection.dataReceived(RAW + b"all")
    connection.readConnectionLost()
    http.pool.opened[0].dataReceived(AGREED.replace(b"websocket", b"tcp"))
    assert http.pool.app().written.endswith(b"all")
    assert http.pool.app().write_closed
    assert client.ended == ""


def test_a_reset_is_passed_on_as_one(http: HttpInMemory) -> None:
    """Nobody shall take what came so far for all there is."""
    tunnel = Open(http, RAW)
    tunnel.app.ended = "reset"
    tunnel.app.protocol.connectionLost(Failure(ConnectionLost()))
    http.wait(1)
    assert tunnel.client.ended == "aborted"


def test_a_websocket_is_told_that_it_is_refused_by_now(http: HttpInMemory) -> None:
    """1008 to both, masked towards the app; then no byte passes, and it ends."""
    tunnel = Open(http)
    tunnel.client.take()
    tunnel.tunnel.revoke(Refused(NOT_ALLOWED))
    assert tunnel.client.take() == close_frame(POLICY)
    frame = tunnel.app.take()
    assert frame == close_frame(POLICY, frame[2:6])
    tunnel.client_says(b"\x82\x00")
    assert tunnel.app.take() == b""
    assert tunnel.client.write_closed
    assert tunnel.tunnel.under_way is None
    tunnel.client.protocol.readConnectionLost()
    assert tunnel.client.ended == "closed"
    http.wait(3)
    assert tunnel.app.ended == "aborted"
    assert http.server.connections == set()
    assert "refused by now: not_allowed" in http.log.text()


def test_within_a_frame_nothing_is_said(http: HttpInMemory) -> None:
    """The side that received half a frame is cut off; the other one is told."""
    tunnel = Open(http)
    tunnel.client.take()
    tunnel.app_says(HALF)
    tunnel.client.take()
    tunnel.tunnel.revoke(Refused(NOT_ALLOWED))
    http.wait(1)
    assert (tunnel.client.take(), tunnel.client.ended) == (b"", "aborted")
    assert tunnel.app.take()[:2] == b"\x88\x82"


def test_other_protocols_are_cut_off(http: HttpInMemory) -> None:
    """Nobody knows how to say goodbye in them."""
    tunnel = Open(http, RAW)
    tunnel.tunnel.revoke(Refused(NOT_ALLOWED))
    http.wait(1)
    assert tunnel.client.ended == tunnel.app.ended == "aborted"


def test_u05_a_tunnel_without_a_byte_ends(http: HttpInMemory) -> None:
    """After the deadline of tunnels; each byte puts it off."""
    tunnel = Open(http)
    http.wait(3000)
    tunnel.client_says(b"\x82\x80mask")
    tunnel.client.take()
    http.wait(3000)
    assert tunnel.client.take() == b""
    http.wait(610)
    assert tunnel.client.take() == close_frame(GOING_AWAY)
    http.wait(3)
    assert http.server.connections == set()


def test_draining_tells_websockets_and_leaves_others_their_grace(http: HttpInMemory) -> None:
    """1001: they may come back, to another pod."""
    websocket, raw = Open(http), None
    websocket.client.take()
    http.server.drain()
    assert websocket.client.take() == close_frame(GOING_AWAY)
    websocket.tunnel.cut()
    http.wait(1)
    assert http.server.connections == set()
    http.server.draining = False
    raw = Open(http, RAW)
    http.server.drain()
    assert raw.client.ended == ""
    raw.tunnel.cut()
    http.wait(1)
    assert raw.client.ended == raw.app.ended == "aborted"


def test_a_tunnel_that_is_opened_while_draining_is_told_at_once(http: HttpInMemory) -> None:
    """Its 101 was under way."""
    connection, client = http.connect()
    connection.dataReceived(ASK)
    http.server.drain()
    http.pool.opened[0].dataReceived(AGREED)
    assert client.written.endswith(close_frame(GOING_AWAY))


def test_a_route_without_a_head_opens_a_tunnel(http: HttpInMemory) -> None:
    """CONNECT: 200 once the destination is reached, on a connection of its own."""
    http.side.answers = [Route(APP, b"", LABEL)]
    connection, client = http.connect()
    connection.dataReceived(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03")
    assert client.take() == b"HTTP/1.1 200 Connection Established\r\n\r\n"
    assert http.pool.app().take() == b"\x16\x03"
    client.end()
    assert 'aegis_tunnels_total{direction="inbound",kind="connect"} 1' in http.metrics.text()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"])
def test_u04_any_other_answer_opens_no_tunnel(http: HttpInMemory, answer: bytes) -> None:
    """What was sent for a tunnel is judged as the next request, which it is not."""
    connection, client = http.connect()
    connection.dataReceived(ASK + b"GET /admin HTTP/1.1\r\n\r\n")
    app = http.pool.app()
    app.take()
    http.pool.opened[0].dataReceived(answer)
    assert http.statuses(client) == [403, 400]
    assert app.take() == b""


def test_f23_a_101_that_nobody_asked_for_is_a_502(http: HttpInMemory) -> None:
    """As before."""
    connection, client = http.connect()
    connection.dataReceived(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    http.pool.opened[0].dataReceived(AGREED)
    assert http.statuses(client) == [502]

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.shell import sniffing
from aegis_proxy.shell.crowd import Crowd
from aegis_proxy.shell.own_listeners import OwnListeners
from aegis_proxy.shell.server_connection import ServerConnection
from aegis_proxy.shell.sniffing import RedirectedConnections, Undecided
from aegis_proxy.shell.tunnel import Tunnel
from aegis_proxy.shell.upstream import Address
from support.in_memory_http import APP, HttpInMemory, MemoryTransport, http_in_memory

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
HELLO = b"\x16\x03\x01\x00\x05hello"
PEER: Address = ("10.0.0.7", 40000)


class Redirected:
    """Connections that were bound for `original`; None for those that were made to the proxy."""

    def __init__(self, http: HttpInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.http = http
        self.original: Address | None = APP
        monkeypatch.setattr(sniffing, "original_destination", lambda _: self.original)
        own = OwnListeners()
        own.add(3127)
        self.listener = RedirectedConnections(http.server, own, 0.2)

    def connect(self) -> MemoryTransport:
        protocol: Any = self.listener.buildProtocol(SimpleNamespace(host=PEER[0], port=PEER[1]))  # type: ignore[arg-type]  # of an address, two attributes are read
        transport = MemoryTransport(protocol, self.http.clock)
        protocol.makeConnection(transport)
        return transport


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


@pytest.fixture
def redirected(http: HttpInMemory, monkeypatch: pytest.MonkeyPatch) -> Redirected:
    return Redirected(http, monkeypatch)


def test_d03_one_that_says_nothing_makes_room(redirected: Redirected, http: HttpInMemory) -> None:
    """Whoever comes next has its place; where nobody can go, the next one is turned away."""
    http.server.crowd = Crowd(1)
    silent = redirected.connect()
    http.server.crowd.came()
    http.clock.advance(0.1)
    client = redirected.connect()
    http.clock.advance(0)
    assert silent.ended == "aborted"
    http.server.crowd.left()
    http.server.crowd.came()
    client.protocol.dataReceived(GET)
    assert redirected.listener.buildProtocol(None) is None
    assert (http.server.crowd.evicted, http.server.crowd.turned_away) == (1, 1)


def test_a_request_is_judged(redirected: Redirected, http: HttpInMemory) -> None:
    """As one on a connection that was made to the proxy; its side knows where it was bound for."""
    client = redirected.connect()
    for byte in GET:
        client.protocol.dataReceived(bytes((byte,)))
    assert isinstance(client.protocol, ServerConnection)
    assert client.protocol.original == APP
    assert len(http.side.asked) == 1
    assert http.server.connections == {client.protocol}


def test_made_to_the_proxy_itself(redirected: Redirected, http: HttpInMemory) -> None:
    """There is nowhere else to go: what is no request is a 400."""
    redirected.original = None
    client = redirected.connect()
    client.protocol.dataReceived(HELLO + b"\r\n\r\n")
    assert http.statuses(client) == [400]


def test_e07_tls_goes_on_untouched(redirected: Redirected, http: HttpInMemory) -> None:
    """To where it was bound for, and nobody is asked."""
    client = redirected.connect()
    client.protocol.dataReceived(HELLO)
    assert http.pool.opened[0].address == APP
    assert http.pool.app().take() == HELLO
    http.pool.app().protocol.dataReceived(b"server hello")
    assert client.take() == b"server hello"
    assert http.side.asked == []
    client.end()
    assert 'aegis_tunnels_total{direction="inbound",kind="opaque"} 1' in http.metrics.text()


def test_e07_a_server_may_speak_first(redirected: Redirected, http: HttpInMemory) -> None:
    """A client that says nothing for a moment is connected, and hears it."""
    client = redirected.connect()
    http.clock.advance(0.1)
    assert http.pool.opened == []
    http.clock.advance(0.2)
    http.pool.app().protocol.dataReceived(b"SSH-2.0-x\r\n")
    assert client.take() == b"SSH-2.0-x\r\n"
    client.protocol.dataReceived(GET)
    assert http.pool.app().take() == GET
    (tunnel,) = http.server.connections
    assert isinstance(tunnel, Tunnel)


def test_a_slow_client_may_still_speak_http(redirected: Redirected, http: HttpInMemory) -> None:
    """The call that was for nothing is ended, and its request is judged."""
    client = redirected.connect()
    http.clock.advance(1)
    client.protocol.dataReceived(GET)
    http.clock.advance(0)
    assert http.pool.app(0).ended == "aborted"
    assert client.ended == ""
    assert http.pool.app(1).take() == b"GET /x HTTP/1.1\r\n\r\n"


def test_a_slow_client_may_still_speak_tls(redirected: Redirected, http: HttpInMemory) -> None:
    """Over the connection that is there."""
    client = redirected.connect()
    http.clock.advance(1)
    client.protocol.dataReceived(HELLO)
    assert len(http.pool.opened) == 1
    assert http.pool.app().take() == HELLO


def test_what_ends_before_it_is_a_request_goes_on(redirected: Redirected, http: HttpInMemory) -> None:
    """Some protocols consist of one word and its end."""
    client = redirected.connect()
    client.protocol.dataReceived(b"status")
    client.protocol.readConnectionLost()
    assert http.pool.app().take() == b"status"
    assert http.pool.app().write_closed


def test_e03_e04_what_is_forbidden_is_refused(redirected: Redirected, http: HttpInMemory) -> None:
    """Metadata addresses and our own listeners, whatever is spoken there."""
    for address in (("169.254.169.254", 80), ("127.0.0.1", 3127)):
        redirected.original = address
        client = redirected.connect()
        client.protocol.dataReceived(HELLO)
        http.clock.advance(0)
        assert client.ended == "aborted"
    assert http.pool.opened == []
    assert http.server.connections == set()
    assert http.log.text().count("forbidden_destination") == 2


@pytest.mark.parametrize("data", [GET, HELLO, b""])
def test_e04_what_the_proxy_sent_itself_is_refused(
    redirected: Redirected, http: HttpInMemory, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """Its own connections come back when it runs as a user whose traffic is redirected."""
    monkeypatch.setattr(http.pool, "made", lambda endpoint: endpoint == PEER)
    client = redirected.connect()
    if data:
        client.protocol.dataReceived(data)
    http.clock.advance(1)
    assert client.ended == "aborted"
    assert (http.side.asked, http.pool.opened) == ([], [])
    assert '"reason":"loop"' in http.log.text()


def test_a_destination_that_cannot_be_reached(redirected: Redirected, http: HttpInMemory) -> None:
    """The client's connection ends, too."""
    failed: Deferred[Any] = Deferred()
    http.pool.connect = lambda address, within=None: failed  # type: ignore[method-assign]  # one call is enough
    client = redirected.connect()
    client.protocol.dataReceived(HELLO)
    failed.errback(Refused(UPSTREAM_UNREACHABLE, "nobody"))
    http.clock.advance(0)
    assert client.ended == "aborted"
    assert 'aegis_exchanges_aborted_total{direction="inbound"} 1' in http.metrics.text()


def test_a_server_that_hangs_up_first(redirected: Redirected, http: HttpInMemory) -> None:
    """Before either side said anything."""
    client = redirected.connect()
    http.clock.advance(1)
    http.pool.app().end()
    http.clock.advance(0)
    assert client.ended == "aborted"


def test_a_client_that_leaves_undecided(redirected: Redirected, http: HttpInMemory) -> None:
    """Nothing is left behind: no timer, and no call."""
    client = redirected.connect()
    http.clock.advance(1)
    client.end()
    http.clock.advance(0)
    assert http.pool.app().ended == "aborted"
    assert http.server.connections == set()
    assert http.clock.getDelayedCalls() == []


def test_the_undecided_wait_no_longer_than_others(redirected: Redirected, http: HttpInMemory) -> None:
    """Nor do they outlive a drain."""
    silent = redirected.connect()
    http.wait(302)
    assert silent.ended == "aborted"
    late = redirected.connect()
    assert isinstance(late.protocol, Undecided)
    http.server.drain()
    http.clock.advance(0)
    assert late.ended == "aborted"

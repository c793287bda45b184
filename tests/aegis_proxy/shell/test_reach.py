import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from aegis_proxy.core.refusals import UPSTREAM_BROKEN, UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.settings import UpstreamProtocol
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.reach import Address, Reach
from aegis_proxy.shell.upstream import UpstreamPool
from support.h2_in_memory import Client
from support.in_memory_http import LABEL, HttpInMemory, http_in_memory, route
from support.on_reactor import on_reactor, reactor

A, B, C = (("10.0.0.1", 80), ("10.0.0.2", 80), ("10.0.0.3", 80))


class Attempts:
    """What was tried, within how many seconds, and what it comes to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.reach = Reach(self.clock.seconds, 6.0)
        self.tried: list[tuple[Address, float]] = []
        self.waiting: list[Deferred[str]] = []

    def __call__(self, address: Address, within: float) -> "str | Deferred[str]":
        self.tried.append((address, within))
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def begin(self, *addresses: Address) -> list[object]:
        """What it comes to: a text, or an error."""
        got: list[object] = []
        began = self.reach.first(addresses, self)
        assert isinstance(began, Deferred)
        began.addCallbacks(got.append, lambda failure: got.append(failure.value))
        return got

    def fail(self, detail: str = "") -> None:
        self.waiting[-1].errback(Refused(UPSTREAM_UNREACHABLE, detail))


@pytest.fixture
def attempts() -> Attempts:
    return Attempts()


def test_addresses_are_tried_in_turn_each_with_its_share_of_the_time(attempts: Attempts) -> None:
    """What one does not need, the others have."""
    got = attempts.begin(A, B, C)
    attempts.clock.advance(2.0)
    attempts.fail()
    attempts.fail()
    attempts.clock.advance(1.0)
    attempts.waiting[-1].callback("made")
    assert attempts.tried == [(A, 2.0), (B, 2.0), (C, 4.0)]
    assert got == ["made"]


def test_one_address_has_all_of_the_time(attempts: Attempts) -> None:
    """And is asked without a detour: what is at hand is given at once."""
    attempts.begin(A)
    assert attempts.tried == [(A, 6.0)]
    assert attempts.reach.first([A], lambda *_: "at hand") == "at hand"


def test_a_destination_of_which_no_address_answers_is_unreachable(attempts: Attempts) -> None:
    """The log says what each came to."""
    got = attempts.begin(A, B)
    attempts.fail("first")
    attempts.fail("second")
    (refused,) = got
    assert isinstance(refused, Refused)
    assert (refused.refusal, refused.detail) == (UPSTREAM_UNREACHABLE, "first, second")


def test_an_address_that_has_just_failed_comes_last(attempts: Attempts) -> None:
    """For ten seconds, or until it answers again."""
    attempts.begin(A, B)
    attempts.fail()
    attempts.waiting[-1].callback("made")
    attempts.begin(A, B)
    assert [address for address, _ in attempts.tried] == [A, B, B]
    attempts.fail()
    attempts.waiting[-1].callback("made")
    attempts.begin(A, B)
    assert [address for address, _ in attempts.tried][3:] == [A, A]
    attempts.clock.advance(10.0)
    attempts.begin(B, A)
    assert attempts.tried[-1][0] == B


def test_what_is_known_of_failures_is_bounded(attempts: Attempts) -> None:
    """An app that calls many addresses does not fill the memory."""
    for number in range(1100):
        attempts.begin((f"10.1.0.{number}", 1), B)
        attempts.fail()
    assert len(attempts.reach._failed) == 1024


def test_another_refusal_is_final(attempts: Attempts) -> None:
    """Whoever answers is the destination, whatever it says."""
    got = attempts.begin(A, B)
    attempts.waiting[-1].errback(Refused(UPSTREAM_BROKEN))
    assert [address for address, _ in attempts.tried] == [A]
    assert isinstance(got[0], Refused)


def test_who_gives_up_calls_nobody_else(attempts: Attempts) -> None:
    """The client is gone: its other addresses are not tried for nobody."""
    began = attempts.reach.first([A, B], attempts)
    assert isinstance(began, Deferred)
    began.addErrback(lambda failure: failure.trap(CancelledError))
    began.cancel()
    assert [address for address, _ in attempts.tried] == [A]


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    """All requests go to A, or else to B."""
    with http_in_memory(at_once=False) as wired:
        wired.side.make = lambda request: route(request)._replace(address=A, others=(B,))
        yield wired


def unreachable(http: HttpInMemory) -> None:
    http.pool.refuse(Refused(UPSTREAM_UNREACHABLE))


def dialled(http: HttpInMemory) -> list[Address]:
    return [connection.address for connection in http.pool.opened]


GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_a_request_goes_to_the_address_that_answers(http: HttpInMemory) -> None:
    """So does the next, on the same connection, while the other address is down."""
    client, transport = http.connect()
    client.dataReceived(GET)
    unreachable(http)
    http.pool.accept()
    for _ in range(2):
        assert http.pool.app().take().startswith(b"GET /x HTTP/1.1\r\n")
        http.pool.opened[-1].dataReceived(OK)
        client.dataReceived(GET)
    assert dialled(http) == [A, B]
    assert http.statuses(transport) == [200, 200]


def test_a_request_that_is_sent_again_goes_on_no_idle_connection(http: HttpInMemory) -> None:
    """All of them may be closed by now, at whichever address."""
    (first, transport), (second, _) = http.connect(), http.connect()
    first.dataReceived(GET)
    unreachable(http)
    http.pool.accept()
    second.dataReceived(GET)
    http.pool.accept()
    for connection in http.pool.opened[1:]:
        connection.dataReceived(OK)
    first.dataReceived(GET)
    http.pool.app(2).end()
    http.pool.accept()
    http.pool.opened[-1].dataReceived(OK)
    assert dialled(http) == [A, B, B, B]
    assert http.statuses(transport) == [200, 200]


def test_a_tunnel_is_opened_to_the_address_that_answers(http: HttpInMemory) -> None:
    """As for requests."""
    http.side.make = lambda _: Route(A, b"", LABEL, others=(B,))
    client, transport = http.connect()
    client.dataReceived(GET)
    unreachable(http)
    http.pool.accept()
    assert transport.take().startswith(b"HTTP/1.1 200 ")
    transport.protocol.dataReceived(b"hello")
    assert http.pool.app().take() == b"hello"


@pytest.mark.parametrize("protocol", UpstreamProtocol)
def test_a_request_of_http2_goes_to_the_address_that_answers(http: HttpInMemory, protocol: UpstreamProtocol) -> None:
    """Whichever version of HTTP that one speaks."""
    http.upstreams_speak(protocol)
    client = Client(http)
    client.ask()
    unreachable(http)
    http.pool.accept()
    client.talk()
    assert dialled(http) == [A, B]
    assert http.pool.app().written


def hosts() -> list[str]:
    """Loopback addresses of this machine, IPv6 among them where it has that."""
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return ["127.0.0.2", "127.0.0.3"]
    return ["::1", "127.0.0.2", "127.0.0.3"]


def bound(port: int, host: str, stack: ExitStack) -> socket.socket:
    made = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
    made.bind((host, port))
    return made


def one_that_listens(listening: str, stack: ExitStack) -> int:
    """A port on which it does, and on which nobody can at the others."""
    for _ in range(100):
        server = bound(0, listening, stack)
        port: int = server.getsockname()[1]
        try:
            for host in hosts():
                if host != listening:
                    bound(port, host, stack)
        except OSError:  # taken there
            continue
        server.listen()
        return port
    raise AssertionError("no port is free at all addresses")


@pytest.mark.parametrize("number", range(3))
def test_whichever_address_listens_is_reached(number: int) -> None:
    """On real sockets, of both families."""
    addresses = hosts()
    listening = addresses[number % len(addresses)]

    async def work() -> Address:
        with ExitStack() as stack:
            port = one_that_listens(listening, stack)
            pool = UpstreamPool(reactor, connect_timeout=60.0)
            made = await pool.connect_to_any(tuple((host, port) for host in addresses))
            made.abandon()
            return made.address

    assert on_reactor(work())[0] == listening

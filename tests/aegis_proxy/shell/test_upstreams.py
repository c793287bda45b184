from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred

from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.settings import UpstreamProtocol
from aegis_proxy.shell.calls import Call
from aegis_proxy.shell.h2_upstream import H2Call
from aegis_proxy.shell.upstream import UpstreamConnection
from aegis_proxy.shell.upstreams import Upstreams
from support import h2_wire as wire
from support.in_memory_http import APP, HttpInMemory, http_in_memory


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory(at_once=False) as http:
        yield http


def made(http: HttpInMemory, protocol: UpstreamProtocol = UpstreamProtocol.AUTO) -> Upstreams:
    return Upstreams(http.pool, http.clock.seconds, protocol)


def result(call: "Call | Deferred[Call]") -> object:
    """What a call came to so far: the call, the Refused, or None."""
    if not isinstance(call, Deferred):
        return call
    found: list[object] = [None]

    def keep(value: Call) -> Call:
        found.append(value)
        return value

    call.addCallbacks(keep, lambda failure: found.append(failure.value))
    return found[-1]


def greet(http: HttpInMemory, data: bytes = wire.SETTINGS, number: int = -1) -> None:
    """The app's first bytes."""
    http.pool.app(number).protocol.dataReceived(data)


def test_an_app_that_speaks_http2_gets_it(http: HttpInMemory) -> None:
    """All who wait share the one connection that was opened to find out."""
    upstreams = made(http)
    first, second = upstreams.call(APP), upstreams.call(APP)
    http.pool.accept()
    assert http.pool.app().written.startswith(wire.PREFACE)
    assert result(first) is None
    greet(http)
    assert isinstance(result(first), H2Call)
    assert isinstance(result(second), H2Call)
    assert isinstance(upstreams.call(APP), H2Call)
    assert len(http.pool.opened) == 1
    http.clock.advance(10)
    assert not http.pool.app().ended


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", b"closed", b""])
def test_an_app_that_does_not_gets_http1(http: HttpInMemory, answer: bytes) -> None:
    """It answers otherwise, closes, or says nothing for a second; that is remembered for a minute."""
    upstreams = made(http)
    first = upstreams.call(APP)
    http.pool.accept()
    if answer == b"closed":
        http.pool.app().end()
    elif answer:
        greet(http, answer)
    else:
        http.clock.advance(1.1)
        http.clock.advance(0)
    http.pool.accept()
    assert isinstance(result(first), UpstreamConnection)
    assert http.pool.app().written == b""
    second = upstreams.call(APP)
    http.pool.accept()
    assert isinstance(result(second), UpstreamConnection)
    http.clock.advance(61)
    upstreams.call(APP)
    http.pool.accept()
    assert http.pool.app().written.startswith(wire.PREFACE)


def test_an_app_that_is_said_to_speak_http1_is_not_asked(http: HttpInMemory) -> None:
    """An idle connection serves it."""
    upstreams = made(http, UpstreamProtocol.HTTP1)
    first = upstreams.call(APP)
    http.pool.accept()
    assert isinstance(result(first), UpstreamConnection)
    http.pool.keep(http.pool.opened[0])
    assert isinstance(upstreams.call(APP), UpstreamConnection)
    assert len(http.pool.opened) == 1


def test_an_app_that_is_said_to_speak_http2_must(http: HttpInMemory) -> None:
    """Else the caller gets a 502."""
    upstreams = made(http, UpstreamProtocol.H2C)
    call = upstreams.call(APP)
    http.pool.accept()
    greet(http, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    refused = result(call)
    assert isinstance(refused, Refused)
    assert "does not speak HTTP/2" in refused.detail


def test_an_app_that_cannot_be_reached_is_told_to_all_who_wait(http: HttpInMemory) -> None:
    """And is tried again by the next."""
    upstreams = made(http)
    calls = [upstreams.call(APP), upstreams.call(APP)]
    http.pool.refuse(Refused(UPSTREAM_UNREACHABLE))
    for call in calls:
        refused = result(call)
        assert isinstance(refused, Refused)
        assert refused.refusal is UPSTREAM_UNREACHABLE
    upstreams.call(APP)
    assert len(http.pool.opened) == 2


def test_streams_that_an_app_does_not_allow_get_another_connection(http: HttpInMemory) -> None:
    """One after the other, as each is full; an app that allows none is a 502."""
    upstreams = made(http)
    calls = [upstreams.call(APP) for _ in range(3)]
    for call in calls:
        if isinstance(call, Deferred):
            call.addCallback(_started)
    http.pool.accept()
    greet(http, wire.settings((3, 2)))
    assert [isinstance(result(call), H2Call) for call in calls] == [True, True, False]
    http.pool.accept()
    greet(http)
    assert isinstance(result(calls[2]), H2Call)
    assert len(http.pool.opened) == 2
    other = ("127.0.0.1", 9)
    none = upstreams.call(other)
    http.pool.accept()
    greet(http, wire.settings((3, 0)))
    refused = result(none)
    assert isinstance(refused, Refused)
    assert refused.detail == "upstream allows no stream"
    assert http.pool.app().ended == "closed"


def _started(call: Call) -> Call:
    assert isinstance(call, H2Call)
    connection = call._connection  # its stream is what counts here
    connection.h2.open(wire.GET, ended=True)
    return call


def test_who_waits_no_more_gets_nothing(http: HttpInMemory) -> None:
    """Neither a call nor a failure."""
    upstreams = made(http)
    for fails in (True, False):
        call, other = upstreams.call(APP), upstreams.call(APP)
        assert isinstance(call, Deferred)
        call.addErrback(lambda _: None)
        call.cancel()
        if fails:
            http.pool.refuse(Refused(UPSTREAM_UNREACHABLE))
            assert isinstance(result(other), Refused)
        else:
            http.pool.accept()
            greet(http)
            assert isinstance(result(other), H2Call)


def test_idle_connections_are_closed(http: HttpInMemory) -> None:
    """With a GOAWAY, after a minute without a request; the next one opens another."""
    upstreams = made(http)
    upstreams.call(APP)
    http.pool.accept()
    greet(http)
    http.clock.advance(59)
    upstreams.sweep()
    assert not http.pool.app().ended
    http.clock.advance(2)
    upstreams.sweep()
    assert http.pool.app().ended == "closed"
    assert wire.frames(http.pool.app().written[24:])[-1][0] == wire.GOAWAY
    upstreams.call(APP)
    assert len(http.pool.opened) == 2


def test_what_is_known_of_apps_is_bounded(http: HttpInMemory) -> None:
    """An egress proxy sees any number of them."""
    upstreams = made(http)
    for port in range(1, 1030):
        upstreams.call(("127.0.0.1", port))
        http.pool.accept()
        http.pool.app().end()
        http.pool.accept()
    upstreams.call(("127.0.0.1", 1))
    http.pool.accept()
    assert http.pool.app().written.startswith(wire.PREFACE)
    upstreams.call(("127.0.0.1", 1029))
    http.pool.accept()
    assert http.pool.app().written == b""


def test_all_connections_are_dropped_at_the_end(http: HttpInMemory) -> None:
    """Whatever they do."""
    upstreams = made(http)
    upstreams.call(APP)
    http.pool.accept()
    greet(http)
    upstreams.close()
    http.clock.advance(0)
    assert http.pool.app().ended == "aborted"

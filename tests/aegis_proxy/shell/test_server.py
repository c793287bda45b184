from collections.abc import Iterator

import pytest

from aegis_proxy.shell.crowd import Crowd
from support.in_memory_http import HttpInMemory, MemoryTransport, http_in_memory

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


def served(http: HttpInMemory) -> MemoryTransport:
    """A connection that is idle after one request."""
    client, transport = http.connect()
    client.dataReceived(GET)
    http.pool.opened[-1].dataReceived(OK)
    transport.take()
    return transport


def test_d03_the_idlest_makes_room(http: HttpInMemory) -> None:
    """Not the oldest: whoever was served last stays. A head that does not become whole counts from its first byte."""
    http.server.crowd = Crowd(4)
    first, second = served(http), served(http)
    http.wait(5)
    slow, slow_transport = http.connect()
    slow.dataReceived(b"GET /x")
    busy, busy_transport = http.connect()
    busy.dataReceived(GET)
    http.wait(1)
    first.protocol.dataReceived(GET)
    http.pool.opened[-1].dataReceived(OK)
    http.wait(1)
    http.server.crowd.sockets = 4
    gone = []
    for _ in range(3):
        http.connect()
        gone.append([each.ended for each in (first, second, slow_transport, busy_transport)])
        http.clock.advance(0)
        http.server.crowd.left()
        http.server.crowd.came()
    assert gone[0] == ["", "closed", "", ""]
    assert gone[1] == ["", "closed", "closed", ""]
    assert http.statuses(slow_transport) == [408]
    assert gone[2] == ["closed", "closed", "closed", ""]


def test_d03_one_that_is_evicted_and_does_not_go_is_cut_off(http: HttpInMemory) -> None:
    """It reads nothing of what it was sent."""
    transport = served(http)
    transport.full = True
    transport.protocol.evict()
    assert transport.ended == ""
    http.wait(3)
    assert transport.ended == "aborted"


def test_draining_closes_what_is_idle_and_ends_the_rest_with_its_answer(http: HttpInMemory) -> None:
    """Which says so, where its head is not out yet."""
    _, idle = http.connect()
    busy, at_work = http.connect()
    busy.dataReceived(GET)
    half, halfway = http.connect()
    half.dataReceived(GET[:10])
    http.server.drain()
    assert (idle.ended, at_work.ended, halfway.ended) == ("closed", "", "")
    http.pool.opened[0].dataReceived(OK)
    assert b"Connection: close" in at_work.written
    assert at_work.write_closed
    half.dataReceived(GET[10:])
    http.pool.opened[-1].dataReceived(OK)
    assert halfway.write_closed

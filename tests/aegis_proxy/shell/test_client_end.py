from collections.abc import Iterator

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from support.in_memory_http import APP, HttpInMemory, http_in_memory
from support.mesh import Mesh, request
from support.waiting import eventually

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


def test_d02_who_reads_an_answer_too_slowly_is_cut_off(http: HttpInMemory) -> None:
    """What was written for it has to be taken within the deadline: else the app waits for ever."""
    client, transport = http.connect()
    client.dataReceived(GET)
    transport.full = True
    http.pool.opened[0].dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
    assert not http.pool.app().reading
    http.wait(299)
    assert transport.ended == ""
    http.wait(4)
    assert (transport.ended, http.pool.app().ended) == ("aborted", "aborted")


def test_a_refused_client_may_close_first(http: HttpInMemory) -> None:
    """Then there is nothing to wait for."""
    client, transport = http.connect()
    client.dataReceived(b"\x00\r\n\r\n")
    assert transport.write_closed
    client.readConnectionLost()
    assert transport.ended == "closed"


def test_the_last_answer_may_take_its_time(http: HttpInMemory) -> None:
    """A slow reader is not cut off while it reads; when all is written, it has a second to close."""
    client, transport = http.connect()
    transport.full = True
    client.dataReceived(GET.replace(b"Host", b"Connection: close\r\nHost"))
    http.pool.opened[0].dataReceived(OK)
    http.wait(100)
    assert transport.ended == ""
    transport.drain()
    assert transport.write_closed
    http.wait(3)
    assert transport.ended == "closed"


def test_a_reader_that_never_reads_is_cut_off(http: HttpInMemory) -> None:
    """After five minutes."""
    client, transport = http.connect()
    transport.full = True
    client.dataReceived(GET.replace(b"Host", b"Connection: close\r\nHost"))
    http.pool.opened[0].dataReceived(OK)
    http.wait(303)
    assert transport.ended == "aborted"


def test_a_closed_connection_of_ours_is_no_loss(http: HttpInMemory) -> None:
    """An idle connection to the app that it closes is forgotten."""
    client, _ = http.connect()
    client.dataReceived(GET)
    http.pool.opened[0].dataReceived(OK)
    http.pool.opened[0].connectionLost(Failure(ConnectionDone()))
    assert http.pool.take(APP) is None


def test_real_connections_are_closed_cleanly(mesh: Mesh) -> None:
    """O3 on real sockets: after a half-close without a request there is an end, and no reset."""
    with mesh.client() as client:
        assert client.finish().rest() == b""
    with mesh.client() as client:
        answers = client.send(request() + request()).finish().answers()
        assert [answer.status for answer in answers] == [200, 200]
    with mesh.client() as client:
        assert [answer.status for answer in client.send(b"GET /publ").finish().answers()] == [400]
    eventually(lambda: mesh.proxy.open_files() < 100)

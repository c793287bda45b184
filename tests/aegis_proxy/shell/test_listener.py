"""Who is let in, and who is turned away at the door."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from aegis_proxy.shell.crowd import Crowd
from aegis_proxy.shell.listener import Listener
from support.in_memory_http import HttpInMemory, http_in_memory

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


def test_a_connection_knows_who_called(http: HttpInMemory) -> None:
    """By address, as the logs have it."""
    connection = Listener(http.server).buildProtocol(SimpleNamespace(host="10.0.0.7"))  # type: ignore[arg-type]  # of an address, one attribute is read
    assert connection is not None
    assert connection.peer == b"10.0.0.7"


def test_d03_who_cannot_be_placed_is_turned_away(http: HttpInMemory) -> None:
    """Where all have requests under way, one more is closed at once."""
    http.server.crowd = Crowd(2)
    for _ in range(2):
        client, _ = http.connect()
        client.dataReceived(GET)
    http.server.crowd.sockets = 2
    assert Listener(http.server).buildProtocol(None) is None
    assert http.server.crowd.turned_away == 1

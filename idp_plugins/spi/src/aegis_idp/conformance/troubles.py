"""Servers in trouble, on loopback, and a real client that asks them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance.loopback import Answer, HangUp, LoopbackServer, Received
from aegis_idp.http import Response

_SECONDS = 0.3  # what the client waits for
_MAX_BODY = 4096

Ask = Callable[[str], Response]
Trouble = Callable[[], AbstractContextManager[Ask]]


def _client_of(url: str) -> Ask:
    return lambda method: run(BlockingHttp(seconds=_SECONDS, max_body=_MAX_BODY).request(method, url))


@contextmanager
def down() -> Iterator[Ask]:
    """Nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield _client_of(f"http://127.0.0.1:{nobody.getsockname()[1]}")


@contextmanager
def hanging_up() -> Iterator[Ask]:
    """The connection ends without an answer."""

    def answer(_: Received) -> Answer:
        raise HangUp

    with LoopbackServer(answer) as server:
        yield _client_of(server.url)


@contextmanager
def slow() -> Iterator[Ask]:
    """No answer as long as the client waits."""
    over = threading.Event()

    def answer(_: Received) -> Answer:
        over.wait()
        raise HangUp

    with LoopbackServer(answer) as server:
        try:
            yield _client_of(server.url)
        finally:
            over.set()


@contextmanager
def oversized() -> Iterator[Ask]:
    """A JSON object that is longer than the client reads."""
    with LoopbackServer(lambda _: Answer.json(200, {"padding": "x" * _MAX_BODY})) as server:
        yield _client_of(server.url)


@contextmanager
def dripping() -> Iterator[Ask]:
    """A byte at a time, each in time, and no end."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):  # the client, or the test, has seen enough
                while not over.is_set():
                    connection, _ = listener.accept()
                    with connection:
                        _drip(connection, over)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield _client_of(f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10000\r\n\r\n")
    with suppress(OSError):  # the client gives up first, always
        while True:
            connection.sendall(b" ")
            over.wait(_SECONDS / 10)


TROUBLES: tuple[Trouble, ...] = (down, hanging_up, slow, oversized, dripping)

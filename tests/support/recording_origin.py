"""An app that records every byte it gets, and answers what a test tells it to."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from attrs import field, frozen

from support.raw_client import field_value

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@frozen
class Received:
    """One request as it came: `head` with its empty line, `body` without its framing."""

    connection: int
    head: bytes
    body: bytes

    @property
    def method(self) -> bytes:
        return self.head.split(b" ", 1)[0]

    @property
    def target(self) -> bytes:
        return self.head.split(b" ", 2)[1]

    @property
    def fields(self) -> list[bytes]:
        return self.head.split(b"\r\n")[1:-2]

    def value(self, name: bytes) -> bytes | None:
        """The value of a field that came once, None of one that did not come."""
        return field_value(self.head, name)


class Connection:
    """The accepted side of one connection. `data` is all that came."""

    def __init__(self, number: int, peer: socket.socket) -> None:
        self.number = number
        self.data = b""
        self.ended = threading.Event()
        self.socket = peer
        self._unread = b""

    def receive(self) -> bool:
        """Waits for more bytes; False when there will be none."""
        try:
            data = self.socket.recv(1 << 20)
        except OSError:
            data = b""
        self.data += data
        self._unread += data
        if not data:
            self.ended.set()
        return bool(data)

    def head(self) -> bytes | None:
        """The next head, with its empty line; None if the connection ends before."""
        while b"\r\n\r\n" not in self._unread:
            if not self.receive():
                return None
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def request(self) -> Received | None:
        """The next whole request; None if the connection ends before."""
        head = self.head()
        if head is None:
            return None
        length, coding = field_value(head, b"content-length"), field_value(head, b"transfer-encoding")
        body = self._chunked() if coding else self._exactly(int(length or 0))
        return None if body is None else Received(self.number, head, body)

    def _exactly(self, size: int) -> bytes | None:
        while len(self._unread) < size:
            if not self.receive():
                return None
        body, self._unread = self._unread[:size], self._unread[size:]
        return body

    def _chunked(self) -> bytes | None:
        """The payload of chunks without extensions, and no trailers: what a proxy makes of any others."""
        body = b""
        while True:
            while b"\r\n" not in self._unread:
                if not self.receive():
                    return None
            line, _, self._unread = self._unread.partition(b"\r\n")
            data = self._exactly(int(line, 16) + 2)
            if data is None:
                return None
            assert data.endswith(b"\r\n")
            if line == b"0":
                return body
            body += data[:-2]

    def send(self, data: bytes) -> bool:
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def finish(self) -> None:
        """Half-closes: no more bytes will come from here."""
        with suppress(OSError):  # the other side may be faster
            self.socket.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Ends the connection with a FIN."""
        with suppress(OSError):  # the other side may be faster
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.ended.set()


Script = Callable[[Connection], None]


def answering(answer: Callable[[Received], bytes | None], received: list[Received]) -> Script:
    """Serves requests one after the other; the connection ends where `answer` gives None."""

    def serve(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            received.append(request)
            response = answer(request)
            if response is None or not connection.send(response):
                break

    return serve


@frozen(eq=False)
class RecordingOrigin:
    """`with RecordingOrigin() as origin:` runs it on loopback, a thread for each connection.

    `answer(request)` gives the bytes to answer with; `serve(connection)`, if it is set, talks to each new connection in
    place of that. `requests` and `connections` are what came so far, oldest first.
    """

    requests: list[Received] = field(factory=list)
    connections: list[Connection] = field(factory=list)
    _how: dict[str, Callable[..., object]] = field(factory=dict)
    _listener: socket.socket = field(factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=1024))
    _threads: list[threading.Thread] = field(factory=list)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def targets(self) -> list[bytes]:
        return [request.target for request in self.requests]

    def answer(self, answer: Callable[[Received], bytes | None] | bytes) -> None:
        """From now on answers so, on new connections and on open ones."""
        self._how["answer"] = (lambda _: answer) if isinstance(answer, bytes) else answer

    def serve(self, script: Script) -> None:
        """From now on talks so to new connections."""
        self._how["serve"] = script

    def reset(self) -> None:
        """Forgets what came, and how it was to be answered; ends all connections."""
        self._how.clear()
        for connection in self.connections:
            connection.drop()
        self.connections.clear()
        self.requests.clear()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # not every system shuts a listener down
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(len(self.connections), peer)
            self.connections.append(connection)
            self._start(self._talk, connection)

    def _talk(self, connection: Connection) -> None:
        try:
            serve = self._how.get("serve") or answering(self._answered, self.requests)
            serve(connection)
        finally:
            connection.drop()

    def _answered(self, request: Received) -> bytes | None:
        answer = self._how.get("answer")
        if answer is None:
            return OK[: -len(b"ok")] if request.method == b"HEAD" else OK
        answered = answer(request)
        assert answered is None or isinstance(answered, bytes)
        return answered

"""An HTTP/1.1 client that sends exactly the bytes it is given, and reads answers strictly."""

import re
import socket
from typing import Self

from attrs import frozen

PATIENCE = 10.0


def field_value(head: bytes, name: bytes) -> bytes | None:
    """The value of a field that occurs once in a head, None if it does not."""
    values = re.findall(rb"\r\n" + re.escape(name) + rb":[ \t]*([^\r]*?)[ \t]*(?=\r\n)", head, re.IGNORECASE)
    assert len(values) <= 1, f"{len(values)} times {name!r} in {head!r}"
    return values[0] if values else None


@frozen
class Answer:
    """A response: `head` with its empty line, `body` without its framing."""

    status: int
    head: bytes
    body: bytes

    def value(self, name: bytes) -> bytes | None:
        return field_value(self.head, name)


class RawClient:
    """One connection to 127.0.0.1. Every wait ends after `PATIENCE` seconds with a TimeoutError."""

    def __init__(self, port: int, receive_buffer: int = 0, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.settimeout(PATIENCE)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect((host, port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes, *, one_by_one: bool = False) -> Self:
        """Sends; what the other side does not take any more is lost without a word."""
        pieces = [data[at : at + 1] for at in range(len(data))] if one_by_one else [data]
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def finish(self) -> Self:
        """Half-closes: no more bytes will come from here."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def _receive(self) -> bool:
        data = self.socket.recv(1 << 20)
        self.unread += data
        return bool(data)

    def _until(self, end: bytes) -> bytes:
        while end not in self.unread:
            if not self._receive():
                raise EOFError(f"the connection ended after {self.unread!r}")
        found, _, self.unread = self.unread.partition(end)
        return found + end

    def _exactly(self, size: int) -> bytes:
        pieces, missing = [self.unread], size - len(self.unread)
        while missing > 0:
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError(f"the connection ended {missing} bytes before the end of a body")
            pieces.append(data)
            missing -= len(data)
        whole = b"".join(pieces)
        found, self.unread = whole[:size], whole[size:]
        return found

    def interim(self) -> Answer:
        """The next head, which is no final response's."""
        head = self._until(b"\r\n\r\n")
        return Answer(int(head[9:12]), head, b"")

    def answer(self, *, method: bytes = b"GET") -> Answer:
        """The next whole response to a request of `method`; raises EOFError if it is not whole."""
        head = self._until(b"\r\n\r\n")
        assert re.match(rb"HTTP/1\.1 [1-5][0-9]{2} ", head), head
        status = int(head[9:12])
        if method == b"HEAD" or status < 200 or status in (204, 304):
            return Answer(status, head, b"")
        length, coding = field_value(head, b"content-length"), field_value(head, b"transfer-encoding")
        assert length is None or coding is None, head
        if coding is not None:
            assert coding == b"chunked"
            return Answer(status, head, self._chunked())
        if length is not None:
            return Answer(status, head, self._exactly(int(length)))
        return Answer(status, head, self.rest())

    def _chunked(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n"), 16):
            body += self._exactly(size)
            assert self._exactly(2) == b"\r\n"
        assert self._exactly(2) == b"\r\n"
        return body

    def rest(self) -> bytes:
        """All bytes up to a clean end of the connection."""
        while self._receive():
            pass
        found, self.unread = self.unread, b""
        return found

    def answers(self) -> list[Answer]:
        """All responses up to a clean end of the connection (to requests other than HEAD)."""
        found = []
        while self.unread or self._receive():
            found.append(self.answer())
        return found

    def silent(self, seconds: float = 0.2) -> bool:
        """Whether the connection stays open, and nothing comes for so long."""
        self.socket.settimeout(seconds)
        try:
            return not self.unread and bool(self._receive()) and False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

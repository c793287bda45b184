"""The app behind a peer: remembers requests, and reads what our proxy would never write (extensions, trailers)."""

import socket
import threading
from contextlib import suppress
from typing import Self

from mutation.origin import Crooked, Seen, take_length

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def take_loosely(data: bytes) -> tuple[Seen, bytes] | None:
    """The first request of `data` and what follows it, None while it is not whole. Raises ValueError for nonsense."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    start, *lines = head.split(b"\r\n")
    method, target, _ = start.split(b" ", 2)
    seen = Seen(method, target, tuple(lines), b"")
    lengths = seen.values(b"content-length")
    taken = _chunks(rest) if seen.values(b"transfer-encoding") else take_length(rest, lengths[0] if lengths else b"0")
    return None if taken is None else (Seen(method, target, seen.lines, taken[0]), taken[1])


def _chunks(data: bytes) -> tuple[bytes, bytes] | None:
    """(body, rest); extensions and trailers are skipped."""
    body = b""
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            return None
        size = int(line.partition(b";")[0], 16)
        if not size:
            break
        if len(data) < size + 2:
            return None
        body, data = body + data[:size], data[size + 2 :]
    while True:
        line, end, data = data.partition(b"\r\n")
        if not line:
            return (body, data) if end else None


class PeerOrigin:
    """`with PeerOrigin() as origin:` runs it on loopback, a thread for each connection."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._connections: set[socket.socket] = set()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # not every system shuts a listener down
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()
        self._acceptor.join(10)

    def reset(self) -> None:
        """Forgets what came, and ends all connections."""
        for connection in list(self._connections):
            with suppress(OSError):  # the other side may be faster
                connection.shutdown(socket.SHUT_RDWR)
        self.requests = []

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self._connections.add(peer)
                threading.Thread(target=self._talk, args=(peer, self.requests), daemon=True).start()

    def _talk(self, peer: socket.socket, seen: list[Seen]) -> None:
        unread = b""
        with peer, suppress(OSError, ValueError, Crooked):
            while data := peer.recv(1 << 16):
                unread += data
                while unread and (taken := take_loosely(unread)) is not None:
                    request, unread = taken
                    seen.append(request)
                    peer.sendall(_OK[: -len(b"ok")] if request.method == b"HEAD" else _OK)
        self._connections.discard(peer)

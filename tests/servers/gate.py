"""A TCP gate before a server: a test closes it to cut all connections, and opens it again at the same address."""

import socket
import threading
from contextlib import suppress

ACCEPT_POLL_SECONDS = 0.1
CHUNK = 65536


class Gate:
    """Forwards `url` to a server on loopback while it is open. Bytes pass untouched, TLS included."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(ACCEPT_POLL_SECONDS)
        self._port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open = True
        self._ended = False
        self._sockets: set[socket.socket] = set()
        self._acceptor = threading.Thread(target=self._accept, name="gate", daemon=True)

    @property
    def url(self) -> str:
        """The address of the gate, for https servers; their certificate must hold 127.0.0.1."""
        return f"https://127.0.0.1:{self._port}"

    def __enter__(self) -> "Gate":
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self.close()
        self._acceptor.join()
        self._listener.close()

    def close(self) -> None:
        """Cut every connection, and every new one at once."""
        with self._lock:
            self._open = False
            while self._sockets:
                _shut(self._sockets.pop())

    def open(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._open = True

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            with self._lock:
                if not self._open:
                    _shut(client)
                    continue
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        client.settimeout(None)
        try:
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            _shut(client)
            return
        server.settimeout(None)
        self._sockets |= {client, server}
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    _shut(source)
    _shut(sink)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()

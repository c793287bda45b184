"""A small HTTP server on loopback, on which the servers that tests run are built."""

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from attrs import field, frozen

_POLL_SECONDS = 0.02


@frozen
class Received:
    """A request. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def form(self) -> dict[str, str]:
        """The body as application/x-www-form-urlencoded; of a repeated name, the last value."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def json(self) -> Any:
        return json.loads(self.body)

    def bearer(self) -> str:
        """The token of the Authorization header (RFC 6750 section 2.1); empty without one."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""


@frozen
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}

    @classmethod
    def json(cls, status: int, value: object) -> "Answer":
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json"})


class HangUp(Exception):  # named by what happens, as in aegis_idp.errors
    """Raised by a server's function in place of an answer: the connection just ends."""


class LoopbackServer:
    """Answers each request by a function, in a thread, from `with` to its end; over TLS where `tls` is given."""

    def __init__(self, answer: Callable[[Received], Answer], tls: ssl.SSLContext | None = None) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer))
        if tls is not None:
            # The handshake is left to the connection's own thread: a client that does not shake hands stops no other.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        self.port = self._server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> "LoopbackServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(answer: Callable[[Received], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                given = answer(Received(self.command, self.path, headers, body))
            except HangUp:
                self.close_connection = True
                return
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            if given.status != 204:  # RFC 9110 section 8.6
                self.send_header("content-length", str(len(given.body)))
            self.end_headers()
            with suppress(OSError):  # the client has seen enough
                self.wfile.write(given.body)

        do_GET = _respond  # the name that http.server looks for
        do_POST = _respond  # same
        do_PUT = _respond  # same
        do_PATCH = _respond  # same
        do_DELETE = _respond  # same

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: a test's output is its own."""

    return Handler

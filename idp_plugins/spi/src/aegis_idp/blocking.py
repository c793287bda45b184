"""The HTTP client of a host that may block: a thread of the reconcile function, a command, a test."""

import http.client
import os
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from attrs import field, frozen

from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.http import Response
from aegis_idp.unreachable import OUT_OF_REACH, why
from aegis_idp.urls import origin
from aegis_idp.values import Secret

T = TypeVar("T")


def run(question: Coroutine[Any, Any, T]) -> T:
    """The answer of a plugin's coroutine that waits for nothing but a `BlockingHttp`."""
    try:
        question.send(None)
    except StopIteration as answer:
        return answer.value  # type: ignore[no-any-return]  # StopIteration does not carry the coroutine's type
    question.close()
    raise RuntimeError("a plugin awaits something else than the HTTP client that it was given")


@frozen
class ApiServer:
    """The cluster's API server: its base URL, the pod's own token for it, and the CA file that vouches for it."""

    url: str
    token: Callable[[], Secret] = field(repr=False)
    ca_file: str | None = None


@frozen
class BlockingHttp:
    """`http.Http` on the standard library. `seconds` bounds a request from its first byte on to the last of its answer.

    It follows no redirect, and heeds no proxy of the environment. `ca_file` adds to nothing: it replaces the system's.
    """

    cluster: ApiServer | None = None
    ca_file: str | None = None
    seconds: float = 10.0
    max_body: int = 1 << 20

    @property
    def api_server(self) -> str | None:
        return self.cluster.url if self.cluster else None

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        sent = {"accept-encoding": "identity", **headers}
        ca_file = self.ca_file
        if as_pod:
            cluster = self._cluster_of(url)
            sent["authorization"] = f"Bearer {cluster.token().reveal()}"
            ca_file = cluster.ca_file
        where = url.partition("?")[0]
        try:
            return self._exchange(method, url, sent, body, ca_file)
        except http.client.HTTPException as error:
            raise Unavailable(f"{where}: no HTTP answer ({type(error).__name__})") from None
        except TimeoutError:
            raise Unavailable(f"{where}: no answer within {self.seconds:g} s: {OUT_OF_REACH}") from None
        except OSError as error:
            raise Unavailable(f"{where}: no answer: {why(error)}") from None
        except ValueError:
            # The error's own text would show the header or URL, and with it a secret.
            raise Misconfigured(f"{where}: the URL or a header holds what HTTP cannot carry") from None

    def _cluster_of(self, url: str) -> ApiServer:
        if self.cluster is None or origin(self.cluster.url) != origin(url):
            raise Misconfigured(f"the pod's own token goes to the cluster's API server alone, not to {url}")
        return self.cluster

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, ca_file: str | None
    ) -> Response:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = self._connection(origin(url), ca_file)
        try:
            connection.connect()
            with _Deadline(connection.sock, self.seconds):
                connection.request(method, target, body or None, dict(headers))
                answer = connection.getresponse()
                content = answer.read(self.max_body + 1)
        finally:
            connection.close()
        if len(content) > self.max_body:
            raise Unavailable(f"{url.partition('?')[0]}: the answer is longer than {self.max_body} bytes")
        if answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def _connection(self, address: tuple[str, str, int], ca_file: str | None) -> http.client.HTTPConnection:
        scheme, host, port = address
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=self.seconds, context=_trust(ca_file))
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self.seconds)
        raise ValueError("neither http nor https")


def _trust(ca_file: str | None) -> ssl.SSLContext:
    """Who vouches for servers. Reading that takes some 50 ms of CPU, so it is done again only when the file changes."""
    system = ssl.get_default_verify_paths()
    file = ca_file or os.environ.get(system.openssl_cafile_env) or system.openssl_cafile
    version = 0
    with suppress(OSError):  # what cannot be read is said by who reads it
        version = Path(file).stat().st_mtime_ns
    return _read_trust(ca_file, file, version)


@lru_cache(maxsize=16)
def _read_trust(ca_file: str | None, file: str, version: int) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


class _Deadline:
    """Shuts a socket down when the time is over: a server that drips a byte at a time meets no other limit."""

    def __init__(self, connected: socket.socket, seconds: float) -> None:
        self._socket = connected
        self._timer = threading.Timer(seconds, self._expire)
        self._expired = False

    def _expire(self) -> None:
        self._expired = True
        with suppress(OSError):  # the peer, or the end of the exchange, was quicker
            self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._expired:  # what was read until then may look whole
            raise TimeoutError("the time is over")

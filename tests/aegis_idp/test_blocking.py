"""The HTTP client of hosts that may block, against real sockets."""

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegis_idp.blocking import ApiServer, BlockingHttp, _trust, run
from aegis_idp.conformance.loopback import Answer, HangUp, LoopbackServer, Received
from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import Secret
from servers.certificates import CertificateAuthority


@contextmanager
def _raw_server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP server that gives its one connection to `serve`; the URL of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        thread.join()


def _get(url: str, http: BlockingHttp | None = None) -> Response:
    return run((http or BlockingHttp()).request("GET", url))


def test_a_request_is_sent_as_it_is() -> None:
    """Method, path with query, headers and body reach the server, and its answer comes back whole."""
    seen: list[Received] = []

    def answer(request: Received) -> Answer:
        seen.append(request)
        return Answer(418, b"short", {"Retry-After": "7"})

    with LoopbackServer(answer) as server:
        response = run(BlockingHttp().request("PUT", f"{server.url}/a%20b?c=d", headers={"x-a": "b"}, body=b"body"))
    assert (response.status, response.body, response.retry_after()) == (418, b"short", 7.0)
    (request,) = seen
    assert (request.method, request.path, request.body) == ("PUT", "/a%20b?c=d", b"body")
    assert request.headers["x-a"] == "b"
    assert "authorization" not in request.headers


def test_redirects_are_not_followed() -> None:
    """A redirect is the answer."""
    paths = []

    def answer(request: Received) -> Answer:
        paths.append(request.path)
        return Answer(302, b"", {"location": "/elsewhere"})

    with LoopbackServer(answer) as server:
        assert _get(server.url).status == 302
    assert paths == ["/"]


def test_an_answer_that_is_too_long_is_none() -> None:
    """It is not read to its end."""
    with LoopbackServer(lambda _: Answer(200, b"x" * 101)) as server:
        assert len(_get(server.url, BlockingHttp(max_body=101)).body) == 101
        with pytest.raises(Unavailable, match="longer than 100 bytes"):
            _get(server.url, BlockingHttp(max_body=100))


@pytest.mark.parametrize("sent", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort"])
def test_a_broken_answer_is_none(sent: bytes) -> None:
    """Nothing, garbage, and an answer that ends too early."""
    with _raw_server(lambda connection: connection.sendall(sent)) as url, pytest.raises(Unavailable):
        _get(url)


def test_a_hung_up_connection_is_no_answer() -> None:
    """A server that goes away before it answers is Unavailable."""

    def answer(_: Received) -> Answer:
        raise HangUp

    with LoopbackServer(answer) as server, pytest.raises(Unavailable):
        _get(server.url)


def test_a_closed_port_is_no_answer() -> None:
    """The error names the address without its query."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match=rf"^http://127\.0\.0\.1:{port}/a: no answer") as trouble:
        _get(f"http://127.0.0.1:{port}/a?secret=s3cret")
    assert "s3cret" not in str(trouble.value)


def test_a_dripping_server_is_cut_off() -> None:
    """The whole exchange has one deadline: bytes that keep coming do not extend it, and what came is not an answer."""

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}")
            while not threading.Event().wait(0.01):
                connection.sendall(b" ")
        except OSError:
            return

    with _raw_server(drip) as url, pytest.raises(Unavailable, match=r"within 0\.2 s"):
        _get(url, BlockingHttp(seconds=0.2))


def test_a_silent_server_is_cut_off() -> None:
    """The deadline also holds where nothing comes at all."""

    def wait(connection: socket.socket) -> None:
        connection.recv(1)

    with _raw_server(wait) as url, pytest.raises(Unavailable, match=r"within 0\.2 s"):
        _get(url, BlockingHttp(seconds=0.2))


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "wörter\u20ac"])
def test_a_header_that_cannot_be_sent_is_our_own_fault(value: str) -> None:
    """A token file with a line break in it is an error that does not show the token."""
    with LoopbackServer(lambda _: Answer(200)) as server, pytest.raises(Misconfigured) as trouble:
        run(BlockingHttp().request("GET", server.url, headers={"authorization": f"Bearer s3cret{value}"}))
    assert "s3cret" not in str(trouble.value)
    assert trouble.value.__cause__ is None


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://127.0.0.1:99999/", "//127.0.0.1"])
def test_other_urls_are_refused(url: str) -> None:
    """HTTP and HTTPS alone."""
    with pytest.raises(Misconfigured, match="HTTP cannot carry"):
        _get(url)


def test_the_pods_token_goes_to_the_api_server() -> None:
    """`as_pod` adds the pod's own token, read at each request."""
    seen = []
    tokens = iter(["t1", "t2"])

    def answer(request: Received) -> Answer:
        seen.append(request.bearer())
        return Answer(200)

    with LoopbackServer(answer) as server:
        http = BlockingHttp(ApiServer(server.url, lambda: Secret(next(tokens))))
        assert http.api_server == server.url
        for _ in range(2):
            run(http.request("GET", f"{server.url}/x", as_pod=True))
        run(http.request("GET", f"{server.url}/x"))
    assert seen == ["t1", "t2", ""]


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1/", "http://127.0.0.1:2/", "http://localhost:1/", "http://127.0.0.1:1@evil.example/"]
)
def test_the_pods_token_goes_nowhere_else(url: str) -> None:
    """Another scheme, host or port is not the API server."""
    http = BlockingHttp(ApiServer("http://127.0.0.1:1", lambda: Secret("s3cret")))
    with pytest.raises(Misconfigured, match="to the cluster's API server alone"):
        run(http.request("GET", url, as_pod=True))


def test_outside_of_a_cluster_there_is_no_pods_token() -> None:
    """Without an API server there is nobody to send it to."""
    assert BlockingHttp().api_server is None
    with pytest.raises(Misconfigured, match="API server alone"):
        run(BlockingHttp().request("GET", "http://127.0.0.1:1/", as_pod=True))


def test_tls_is_verified(tmp_path: Path) -> None:
    """A certificate that no trusted CA vouches for is no answer; the given CA file makes it one."""
    authority = CertificateAuthority(tmp_path)
    pair = authority.issue("localhost", names=["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://localhost:{listener.getsockname()[1]}/"

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                try:
                    with context.wrap_socket(connection, server_side=True) as secure:
                        secure.recv(65536)
                        secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                except OSError:
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(Unavailable, match=r"(?i)certificate"):
            _get(url)
        assert _get(url, BlockingHttp(ca_file=str(authority.certificate_file))).body == b"{}"
        thread.join()


def test_trust_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    """And only then: a provider is asked a thousand times by one thread after the other."""
    file = CertificateAuthority(tmp_path).certificate_file
    first = _trust(str(file))
    assert _trust(str(file)) is first
    assert _trust(None) is _trust(None)
    CertificateAuthority(tmp_path)
    os.utime(file, ns=(0, 1))
    assert _trust(str(file)) is not first
    with pytest.raises(OSError, match="No such file"):
        _trust(str(tmp_path / "nowhere.pem"))


def test_a_coroutine_that_waits_for_something_else_is_an_error() -> None:
    """A plugin that sleeps or uses its own client cannot be run by a host that blocks."""

    async def question() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaits something else"):
        run(question())

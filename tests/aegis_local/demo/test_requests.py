"""Plain HTTP, byte for byte."""

import socket
import threading

import pytest

from aegis_local.demo.requests import Request, send


def exchange(request: Request, answer: bytes) -> tuple[bytes, int, str, bytes]:
    """What the server read, and what `send` made of the answer."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        got = send(request, server.getsockname())
        thread.join()
    return seen[0], got.status, got.challenge, got.body


def test_paths_go_out_as_they_are() -> None:
    """Nothing is tidied up; the token is in its header and nowhere else."""
    request = Request("a.b.svc", path="/public/../%2e%2e/admin", token="t.o.k")  # made up
    sent, status, challenge, body = exchange(request, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    lines = sent.decode().split("\r\n")
    assert lines[0] == "GET /public/../%2e%2e/admin HTTP/1.1"
    assert "Host: a.b.svc" in lines
    assert "Authorization: Bearer t.o.k" in lines
    assert (status, challenge, body) == (200, "", b"hi")
    assert "t.o.k" not in repr(request)


def test_a_challenge_is_kept() -> None:
    """A POST has a length, of nothing."""
    answer = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n"
    sent, status, challenge, _ = exchange(Request("a", "POST"), answer)
    assert b"Content-Length: 0" in sent
    assert b"Authorization" not in sent
    assert (status, challenge) == (401, "Bearer")


def test_no_answer_is_an_error() -> None:
    """Of the operating system."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(ConnectionRefusedError):
        send(Request("a"), address)

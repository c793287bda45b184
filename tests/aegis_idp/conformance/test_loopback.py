"""The small HTTP server."""

import http.client

import pytest

from aegis_idp.conformance.loopback import Answer, HangUp, LoopbackServer, Received


def _asked(server: LoopbackServer, method: str, body: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]))
    try:
        connection.request(method, "/a?b=c", body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_request_is_answered_by_the_function(method: str) -> None:
    """The function sees the request whole, and its answer is sent."""
    seen = []

    def answer(request: Received) -> Answer:
        seen.append((request.method, request.path, request.body))
        return Answer.json(201, {"a": 1})

    with LoopbackServer(answer) as server:
        assert _asked(server, method, "body") == (201, b'{"a": 1}')
    assert seen == [(method, "/a?b=c", b"body")]


def test_hanging_up_is_no_answer() -> None:
    """The connection ends without a byte."""

    def answer(_: Received) -> Answer:
        raise HangUp

    with LoopbackServer(answer) as server, pytest.raises(http.client.RemoteDisconnected):
        _asked(server, "GET")


def test_a_request_is_read_as_form_json_and_bearer() -> None:
    """The parts that servers of tests ask for."""
    request = Received("POST", "/", {"authorization": "Bearer a.b.c"}, b"a=1&b=%26&a=2")
    assert request.form() == {"a": "2", "b": "&"}
    assert request.bearer() == "a.b.c"
    assert Received("POST", "/", {"authorization": "Basic x"}, b"").bearer() == ""
    assert Received("POST", "/", {}, b'{"a": [1]}').json() == {"a": [1]}
    assert "a.b.c" not in repr(request)

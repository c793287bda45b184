"""Differences that were judged are left out, and nothing else is."""

import pytest

from mutation.judged import JUDGED, unexplained

EXPLAINED = (
    ("the client got what llhttp refuses: Invalid character in chunk size", b"5 ;a=b\r\nhello\r\n0\r\n\r\n"),
    ("llhttp refuses: Content-Length can't be present with chunked", b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"),
    (
        "llhttp refuses: Data after `Connection: close`",
        b"HTTP/1.1 103 E\r\nX: y\r\nConnection: close\r\n\r\nHTTP/1.1 200",
    ),
    ("no peer sends on (b'GET', b'/x')", b"GET /%2e./x HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"),
)


@pytest.mark.parametrize(("text", "message"), EXPLAINED)
def test_a_judgement_explains_its_own_finding_alone(text: str, message: bytes) -> None:
    """The same complaint about other bytes, and another complaint about the same bytes, are findings."""
    assert unexplained([text], message) == []
    assert unexplained([text], b"GET / HTTP/1.1\r\n\r\n") == [text]
    assert unexplained(["O2: wrong", text], message) == ["O2: wrong"]


def test_each_judgement_has_its_example_and_a_reason() -> None:
    """So that one that is not needed any more is noticed."""
    assert len(JUDGED) == len(EXPLAINED)
    assert all(judged.why.endswith(".") for judged in JUDGED)

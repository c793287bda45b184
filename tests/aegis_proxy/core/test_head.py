import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.head import MAX_HEAD, bad_start_line, take_head
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import START_LINE
from aegis_proxy.core.response import STATUS_LINE
from support.http_messages import damaged, request_heads, response_heads

Outcome = tuple[bytes, bytes] | int | None
LINE = b"GET /x HTTP/1.1\r\n"


def whole(data: bytes, start_line: object = START_LINE) -> Outcome:
    """(head, rest), the status of the refusal, or None."""
    try:
        return take_head(data, start_line)  # type: ignore[arg-type]  # one of two patterns
    except Refused as refused:
        return refused.refusal.status if refused.refusal.closes else None


def byte_by_byte(data: bytes, start_line: object = START_LINE) -> Outcome:
    """The first outcome that is not None, as a connection sees it that gets one byte after the other."""
    for end in range(1, len(data) + 1):
        outcome = whole(data[:end], start_line)
        if outcome is not None:
            return outcome if isinstance(outcome, int) else (outcome[0], data[end:])
    return None


def test_a_head_ends_at_its_empty_line() -> None:
    """What follows is the body, or the next request."""
    assert take_head(LINE + b"Host: a\r\n\r\nrest", START_LINE) == ((LINE + b"Host: a"), b"rest")
    assert take_head(b"GET / HTTP/1.1\r\n\r\n", START_LINE) == (b"GET / HTTP/1.1", b"")


@pytest.mark.parametrize(
    "part", [b"", b"G", b"GET /x HT", LINE[:-1], LINE, LINE + b"Host: a\r", LINE + b"Host: a\r\n\r"]
)
def test_what_may_become_a_head_is_waited_for(part: bytes) -> None:
    """No byte shows yet that it cannot."""
    assert take_head(part, START_LINE) is None


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GET /x HTTP/1.1\n", 400, id="F11-bare-LF"),
        pytest.param(LINE + b"Host: a\n", 400, id="F11-bare-LF-in-fields"),
        pytest.param(b"GET /x HTTP/1.1\rX", 400, id="F11-CR-only"),
        pytest.param(b"\r\r\n", 400, id="F11-CR-CRLF"),
        pytest.param(b"\n\r\n", 400, id="F11-LF-CRLF"),
        pytest.param(LINE + b"Host: a\r\n\rZGET /evil HTTP/1.1\r\n", 400, id="F16"),
        pytest.param(b"\r\n", 400, id="F17-empty-line"),
        pytest.param(b"GET /public\r\n", 400, id="F18-0.9"),
        pytest.param(b"GET / HTTP/1.2\r\n", 505, id="F18-1.2"),
        pytest.param(b"GET / HTTP/2.0\r\n", 505, id="F18-2.0"),
        pytest.param(b"PRI * HTTP/2.0\r\n", 505, id="M05"),
        pytest.param(b"GET / HTTP/1.32\r\n", 400, id="F18-1.32"),
        pytest.param(b"GET / HTTP/01.1\r\n", 400, id="F18-01.1"),
        pytest.param(b"GET / http/1.1\r\n", 400, id="F18-lower-case"),
        pytest.param(b"GET / HTTP/4294967295.255\r\n", 400, id="F18-huge"),
        pytest.param(b"G\nET / HTTP/2.0\r\n", 400, id="LF-in-method"),
    ],
)
def test_what_cannot_become_a_head_is_refused_at_once(data: bytes, status: int) -> None:
    """Before its end, and at the same byte however it comes."""
    assert whole(data) == byte_by_byte(data) == status


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GET /" + b"a" * 20_000, 414, id="P18-long-line"),
        pytest.param(LINE + b"X: " + b"a" * 70_000, 431, id="H16-long-block"),
    ],
)
def test_what_has_no_end_is_refused_at_the_limit(data: bytes, status: int) -> None:
    """No buffer grows for ever."""
    assert whole(data) == status
    assert next(each for end in range(1, len(data), 500) if (each := whole(data[:end])) is not None) == status
    assert whole(data[:16_000]) is None


@pytest.mark.parametrize("size", [MAX_HEAD - 1, MAX_HEAD, MAX_HEAD + 1])
def test_the_limit_is_the_same_for_bytes_that_trickle(size: int) -> None:
    """H16: a head of exactly the limit passes, one byte more does not."""
    head = LINE + b"X: " + b"a" * (size - len(LINE) - 3)
    data = head + b"\r\n\r\n"
    expected = (head, b"") if size <= MAX_HEAD else 431
    assert whole(data) == expected
    outcomes = [whole(data[:end]) for end in range(size - 4, len(data) + 1)]
    assert next(outcome for outcome in outcomes if outcome is not None) == expected


def test_lines_that_are_no_start_lines_say_why() -> None:
    """Another version is a 505, all else a 400."""
    assert bad_start_line(b"GET / HTTP/1.9").refusal.status == 505
    assert bad_start_line(b"GET  / HTTP/1.1").refusal.status == 400


def _agree(data: bytes, pattern: object) -> None:
    at_once, slowly = whole(data, pattern), byte_by_byte(data, pattern)
    if isinstance(at_once, tuple) and slowly != at_once:
        # Complete, and then refused by what parses it: a line end within it is none.
        assert isinstance(slowly, int)
        lines = at_once[0].split(b"\r\n")
        assert not pattern.fullmatch(lines[0]) or any(b"\r" in line or b"\n" in line for line in lines)  # type: ignore[attr-defined]  # a pattern
    else:
        assert at_once == slowly


@given(damaged(request_heads.map(lambda head: head + b"\r\n\r\n")) | st.binary(max_size=80))
def test_o5_requests_fed_whole_or_by_bytes_have_the_same_head(data: bytes) -> None:
    """Parses or refuses, never anything else, and the pieces do not matter."""
    _agree(data, START_LINE)


@given(damaged(response_heads.map(lambda head: head + b"\r\n\r\n")))
def test_o5_responses_fed_whole_or_by_bytes_have_the_same_head(data: bytes) -> None:
    """The other side of the proxy reads by the same rules."""
    _agree(data, STATUS_LINE)

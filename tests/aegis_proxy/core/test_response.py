import re

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_proxy.core.framing import ChunkedDecoder, LengthDecoder, UntilCloseDecoder
from aegis_proxy.core.head import MAX_FIELDS
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused
from aegis_proxy.core.request import Body
from aegis_proxy.core.response import STATUS_LINE, Response, parse_response
from support.http_messages import damaged, response_heads


def head(*lines: bytes, status: bytes = b"200 OK", version: bytes = b"HTTP/1.1") -> bytes:
    return b"\r\n".join([version + b" " + status, *lines])


def refuse(block: bytes, method: bytes = b"GET") -> None:
    with pytest.raises(Refused) as caught:
        parse_response(block, method)
    assert caught.value.refusal is UPSTREAM_BROKEN


def test_a_response_is_read_whole() -> None:
    """Its line and fields pass as they came, the length of its body among them."""
    block = head(b"Set-Cookie: a=b", b"content-length: 5", b"X: \x85 ", status=b"404 Not \xff")
    assert parse_response(block, b"GET") == Response(
        404, b"HTTP/1.1 404 Not \xff", [b"Set-Cookie: a=b", b"content-length: 5", b"X: \x85 "], Body.LENGTH, 5, True
    )


F28 = {
    "dup-length-different": [b"Content-Length: 1", b"Content-Length: 2"],
    "dup-length-same": [b"Content-Length: 1", b"Content-Length: 1"],
    "length-and-chunked": [b"Content-Length: 1", b"Transfer-Encoding: chunked"],
    "two-codings": [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
    "length-plus": [b"Content-Length: +2"],
    "length-list": [b"Content-Length: 2, 2"],
    "length-zero-padded": [b"Content-Length: 02"],
    "coding-unknown": [b"Transfer-Encoding: xchunked"],
    "coding-gzip": [b"Transfer-Encoding: gzip, chunked"],
    "coding-identity": [b"Transfer-Encoding: identity"],
    "bare-LF": [b"X: a\nY: b"],
    "CR-in-value": [b"X: a\rb"],
    "NUL-in-value": [b"X: a\0"],
    "no-colon": [b"nocolon"],
    "name-with-space": [b"X : a"],
    "fold": [b"X: a", b" b"],
    "lookalike": [b"Content_Length: 5"],
    "too-many": [b"X: a"] * (MAX_FIELDS + 1),
}


@pytest.mark.parametrize("lines", F28.values(), ids=[f"F28-{name}" for name in F28])
def test_what_is_not_exactly_one_response_is_not_passed_on(lines: list[bytes]) -> None:
    """Whoever gets it could read it differently."""
    refuse(head(*lines))


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 99 x",
        b"HTTP/1.1 600 x",
        b"HTTP/3.7 200 OK",
        b"HTTP/2.0 200 OK",
        b"HTTP/1.1 2000",
        b"HTTP/1.1  200 OK",
        b"http/1.1 200 OK",
        b"HTTP/1.1\t200 OK",
        b"HTTP/1.1 200\tOK",
        b"HTTP/1.1",
        b"",
        b"okHTTP/1.1 200 OK",
        b"HTTP/1.1 +20 OK",
    ],
)
def test_f28_lines_that_are_no_status_lines(line: bytes) -> None:
    """RFC 9112 section 4."""
    assert not STATUS_LINE.fullmatch(line)
    refuse(line)


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.0 404 \xe4"])
def test_the_phrase_is_free(line: bytes) -> None:
    """It may be empty, or missing as some servers have it."""
    expected = line.replace(b"1.0", b"1.1")
    assert parse_response(line, b"GET").start == (expected if len(line) > 12 else expected + b" ")


@pytest.mark.parametrize(
    ("status", "method", "lines", "body", "length"),
    [
        (b"200 OK", b"GET", [], Body.UNTIL_CLOSE, -1),
        (b"200 OK", b"GET", [b"Content-Length: 0"], Body.NONE, 0),
        (b"200 OK", b"GET", [b"Content-Length: 7"], Body.LENGTH, 7),
        (b"200 OK", b"GET", [b"Transfer-Encoding: Chunked"], Body.CHUNKED, -1),
        (b"200 OK", b"HEAD", [b"Content-Length: 7"], Body.NONE, 7),
        (b"200 OK", b"HEAD", [b"Transfer-Encoding: chunked"], Body.NONE, -1),
        (b"200 OK", b"HEAD", [], Body.NONE, -1),
        (b"304 Not Modified", b"GET", [b"Content-Length: 7"], Body.NONE, 7),
        (b"204 No Content", b"GET", [], Body.NONE, -1),
        (b"204 No Content", b"GET", [b"Transfer-Encoding: chunked"], Body.NONE, -1),
        (b"204 No Content", b"GET", [b"Content-Length: 7"], Body.NONE, 7),
    ],
)
def test_f31_how_a_body_comes(status: bytes, method: bytes, lines: list[bytes], body: Body, length: int) -> None:
    """RFC 9112 section 6.3; a 204 passes no length on (RFC 9110 section 8.6)."""
    response = parse_response(head(*lines, status=status), method)
    assert (response.body, response.length) == (body, length)
    passes = length >= 0 and status[:3] != b"204"
    assert response.fields == (lines if passes else [])


def test_each_body_has_its_decoder() -> None:
    """By how it comes."""
    assert isinstance(parse_response(head(b"Content-Length: 7"), b"GET").decoder(), LengthDecoder)
    assert isinstance(parse_response(head(b"Transfer-Encoding: chunked"), b"GET").decoder(), ChunkedDecoder)
    assert isinstance(parse_response(head(), b"GET").decoder(), UntilCloseDecoder)


@pytest.mark.parametrize("framing", [b"Content-Length: 7", b"Content-Length: 0", b"Transfer-Encoding: chunked"])
def test_f23_an_interim_response_frames_no_body(framing: bytes) -> None:
    """RFC 9110 section 8.6: one server would skip a body, the next would take it for the final response."""
    for status in (b"100 Continue", b"101 Switching Protocols", b"104 New"):
        with pytest.raises(Refused, match="an interim response with a body"):
            parse_response(head(framing, status=status), b"GET", b"websocket")


def test_f23_http_1_0_has_no_interim_responses() -> None:
    """RFC 9110 section 15.2: whoever sends one does not know what it speaks."""
    for status in (b"100 Continue", b"101 Switching Protocols", b"103 Early Hints"):
        with pytest.raises(Refused, match="an interim response"):
            parse_response(b"HTTP/1.0 " + status, b"GET", b"websocket")


@pytest.mark.parametrize(
    ("lines", "version", "keep"),
    [
        ([b"Content-Length: 0"], b"HTTP/1.1", True),
        ([b"Content-Length: 0", b"Connection: close"], b"HTTP/1.1", False),
        ([b"Content-Length: 0", b"Connection: x, Close"], b"HTTP/1.1", False),
        ([b"Content-Length: 0", b"Connection: x", b"Connection: close"], b"HTTP/1.1", False),
        ([b"Content-Length: 0", b"Connection: keep-alive"], b"HTTP/1.0", False),
        ([], b"HTTP/1.1", False),
    ],
)
def test_which_connections_can_be_used_again(lines: list[bytes], version: bytes, keep: bool) -> None:
    """Not those whose end ends the body."""
    assert parse_response(head(*lines, version=version), b"GET").keep_alive is keep


def test_http_1_0_has_no_chunks() -> None:
    """RFC 9112 section 6.1."""
    refuse(head(b"Transfer-Encoding: chunked", version=b"HTTP/1.0"))


def test_h18_what_ends_here_does_not_reach_the_caller() -> None:
    """Hop-by-hop fields, what Connection names, our own namespace, and credentials."""
    lines = [b"X-Aegis-Identity: admin", b"Connection: set-cookie", b"Set-Cookie: a", b"Keep-Alive: 5", b"Upgrade: h2c"]
    more = [b"Authorization: Bearer t", b"Trailer: x", b"Content-Length: 0", b"X-Forwarded-For: a"]
    assert parse_response(head(*lines, *more), b"GET").fields == [b"Content-Length: 0", b"X-Forwarded-For: a"]


@given(damaged(response_heads) | response_heads | st.binary(max_size=60), st.sampled_from([b"GET", b"HEAD"]))
def test_a_head_parses_or_is_refused_never_anything_else(block: bytes, method: bytes) -> None:
    """What parses is sane."""
    try:
        response = parse_response(block, method)
    except Refused as refused:
        refusal = refused.refusal
    else:
        refusal = UPSTREAM_BROKEN
        _check_sane(response)
    assert refusal is UPSTREAM_BROKEN


def _check_sane(response: Response) -> None:
    assert 100 <= response.status <= 599
    assert not any(re.search(rb"[\r\n\0]|^[ \t]", line) for line in (response.start, *response.fields))
    assert (response.body is Body.LENGTH) <= (response.length > 0)


class _Seen:
    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


@settings(max_examples=200)
@given(damaged(response_heads) | response_heads)
def test_what_we_take_llhttp_takes_the_same(block: bytes) -> None:
    """A parser of other authors agrees on status, fields and where the body ends."""
    try:
        response = parse_response(block, b"GET")
    except Refused:
        return
    if response.length > 100 or response.status < 200:  # llhttp goes on to the final response after a 1xx
        return
    body = {Body.LENGTH: b"0" * response.length, Body.CHUNKED: b"3\r\nabc\r\n0\r\n\r\n"}.get(response.body, b"")
    seen = _Seen()
    parser = httptools.HttpResponseParser(seen)
    parser.feed_data(block + b"\r\n\r\n" + body)
    assert parser.get_status_code() == response.status
    theirs = [(name.lower(), value.strip(b" \t")) for name, value in seen.fields]
    ours = [
        (name.lower(), value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in response.fields)
    ]
    assert [each for each in ours if each not in theirs] == []
    assert seen.complete is (response.body is not Body.UNTIL_CLOSE)
    assert seen.body == (b"abc" if response.body is Body.CHUNKED else body)

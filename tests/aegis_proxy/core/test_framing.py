import re
from typing import NoReturn

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aegis_proxy.core.framing import LAST_CHUNK, ChunkedDecoder, LengthDecoder, UntilCloseDecoder, chunk
from aegis_proxy.core.refusals import BAD_BODY, Refused
from support.http_messages import damaged, split

Outcome = tuple[bytes, bytes, bool] | None


def _unexpected(refused: Refused) -> NoReturn:
    raise AssertionError(f"got {refused}, wanted bad_body")


def fed(*pieces: bytes) -> Outcome:
    """(payload, what follows, whether it is done) of a chunked body; None if it is refused."""
    decoder, payload = ChunkedDecoder(), b""
    for at, piece in enumerate(pieces):
        try:
            more, rest = decoder.feed(piece)
        except Refused as refused:
            return None if refused.refusal is BAD_BODY else _unexpected(refused)
        payload += more
        if decoder.done:
            return payload, rest + b"".join(pieces[at + 1 :]), True
        assert rest == b""
    return payload, b"", False


def by_bytes(data: bytes) -> Outcome:
    return fed(*(data[at : at + 1] for at in range(len(data))))


def test_a_body_of_a_length_ends_there() -> None:
    """What follows is the next message's."""
    decoder = LengthDecoder(5)
    assert decoder.feed(b"abc") == (b"abc", b"")
    assert not decoder.done
    assert decoder.feed(b"defgh") == (b"de", b"fgh")
    assert [LengthDecoder(0).done, LengthDecoder(1).done] == [True, False]


@given(st.binary(max_size=20), st.integers(1, 20), st.data())
def test_a_length_is_counted_however_the_bytes_come(data: bytes, length: int, draw: st.DataObject) -> None:
    """Payload and rest are what came, cut at the length."""
    decoder, payload, rest = LengthDecoder(length), b"", b""
    for piece in draw.draw(split(data)):
        if decoder.done:
            rest += piece
        else:
            more, left = decoder.feed(piece)
            payload, rest = payload + more, rest + left
    assert (payload, rest) == (data[:length], data[length:])
    assert decoder.done is (len(data) >= length)


def test_a_body_until_close_ends_with_the_connection_alone() -> None:
    """No byte of it does."""
    decoder = UntilCloseDecoder()
    assert decoder.feed(b"0\r\n\r\n") == (b"0\r\n\r\n", b"")
    assert not decoder.done


GOOD = {
    "plain": (b"5\r\nabcde\r\n0\r\n\r\n", b"abcde", b""),
    "two": (b"5\r\nabcde\r\n1\r\nf\r\n0\r\n\r\n", b"abcdef", b""),
    "empty": (b"0\r\n\r\n", b"", b""),
    "hex": (b"A\r\n0123456789\r\n0a\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2, b""),
    "many-zeros-end": (b"000\r\n\r\n", b"", b""),
    "F13-extension": (b"5;a=b\r\nabcde\r\n0\r\n\r\n", b"abcde", b""),
    "F13-spaces": (b"5 ; a = b;c\r\nabcde\r\n0\r\n\r\n", b"abcde", b""),
    "F13-quoted": (b'5;a="b;\\"c"\r\nabcde\r\n0;x\r\n\r\n', b"abcde", b""),
    "H17-trailer": (b"0\r\nAuthorization: Bearer X\r\nContent-Length: 9\r\n\r\nGET", b"", b"GET"),
    "F15-trailer": (b"0\r\nX:POST / HTTP/1.1\r\n\r\n", b"", b""),
    "next-request": (b"1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n", b"a", b"GET / HTTP/1.1\r\n"),
}


@pytest.mark.parametrize(("data", "payload", "rest"), GOOD.values(), ids=GOOD)
def test_o5_chunks_are_read_to_their_end(data: bytes, payload: bytes, rest: bytes) -> None:
    """Extensions and trailers are dropped; what follows the body is left, whole or one byte at a time."""
    assert fed(data) == by_bytes(data) == (payload, rest, True)


BAD = {
    "F12-empty": b"\r\n",
    "F12-0x": b"0x5\r\n",
    "F12-plus": b"+5\r\n",
    "F12-minus": b"-0x0\r\n",
    "F12-space-after": b"5 \r\n",
    "F12-space-before": b" 5\r\n",
    "F12-underscore": b"0_2e\r\n",
    "F12-NUL": b"5\x00\r\n",
    "F12-no-hex": b"G\r\n",
    "F12-wide": "１".encode() + b"\r\n",
    "F12-16-digits": b"F" * 16 + b"\r\n",
    "F12-17-digits": b"1" + b"0" * 16 + b"\r\n",
    "F12-300-zeros": b"0" * 300 + b"3\r\n",
    "F12-endless": b"0" * 2000,
    "F13-empty": b"5;\r\n",
    "F13-LF-in-quotes": b'5;a="\n"\r\n',
    "F13-CR": b"5\r\r;a\r\n",
    "F13-bracket": b"5;bad[=x\r\n",
    "F13-open-quote": b'5;a="b\r\n',
    "F13-no-value": b"5;a=\r\n",
    "F13-bare-LF": b"5\n",
    "F14-data": b"3\r\nabcXX",
    "F14-LF": b"3\r\nabc\n",
    "F14-CR": b"3\r\nabc\rX",
    "H17-garbage": b"0\r\nGET /x HTTP/1.1\r\n\r\n",
    "H17-bad-name": b"0\r\nX : a\r\n\r\n",
    "H17-NUL": b"0\r\nX: \0\r\n\r\n",
    "H17-bare-LF": b"0\r\nX: a\nY: b\r\n\r\n",
    "H17-bare-CR": b"0\r\nX: a\rY",
    "H17-fold": b"0\r\nX: a\r\n b\r\n\r\n",
    "H17-endless": b"0\r\nX: " + b"a" * 20_000,
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_o5_what_is_no_chunk_is_refused(data: bytes) -> None:
    """Whole or one byte at a time."""
    assert fed(data) is None
    assert by_bytes(data) is None


def test_f12_a_size_of_15_digits_is_a_size() -> None:
    """It is never held in memory, so it need not be smaller."""
    decoder = ChunkedDecoder()
    assert decoder.feed(b"f" * 15 + b"\r\nabc") == (b"abc", b"")
    assert not decoder.done


def test_f13_extensions_have_a_budget() -> None:
    """A megabyte of them over many chunks is work that nobody asked for."""
    legal = b"1;" + b"a" * 100 + b"\r\nx\r\n"
    decoder = ChunkedDecoder()
    assert decoder.feed(legal * 100) == (b"x" * 100, b"")
    with pytest.raises(Refused, match="extensions"):
        decoder.feed(legal * 100)


def test_an_end_that_has_not_come_is_waited_for() -> None:
    """F15: the last CRLF is missing."""
    for part in (
        b"",
        b"5",
        b"5\r",
        b"5\r\nab",
        b"5\r\nabcde\r",
        b"0\r\n",
        b"0\r\n\r",
        b"0\r\nX: a\r\n",
        b"0\r\nX: a\r\n\r",
    ):
        outcome = fed(part)
        assert outcome is not None
        assert not outcome[2]
        assert by_bytes(part) == outcome


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.binary(max_size=5), st.data())
def test_what_is_framed_is_read_again(parts: list[bytes], rest: bytes, draw: st.DataObject) -> None:
    """decode(encode(x)) is x under any splitting."""
    encoded = b"".join(chunk(part) for part in parts) + LAST_CHUNK
    assert fed(*draw.draw(split(encoded + rest))) == (b"".join(parts), rest, True)


ENCODED = st.lists(st.binary(min_size=1, max_size=8), max_size=3).map(
    lambda parts: b"".join(chunk(part) for part in parts) + LAST_CHUNK
) | st.sampled_from([data for data, _, _ in GOOD.values()])


@settings(max_examples=300)
@example(b"0\r\n\r\r\n")
@given(damaged(ENCODED) | st.binary(max_size=60))
def test_o5_any_bytes_are_read_or_refused_the_same_whole_or_by_bytes(data: bytes) -> None:
    """Parses or refuses, never anything else."""
    assert fed(data) == by_bytes(data)


class _Seen:
    def __init__(self) -> None:
        self.body = b""
        self.complete = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


@settings(max_examples=300)
@given(damaged(ENCODED) | ENCODED)
def test_what_we_take_llhttp_takes_the_same(data: bytes) -> None:
    """A parser of other authors reads the same payload from every body that we take."""
    outcome = fed(data)
    # llhttp takes no space in extensions, and looks for framing fields in trailers.
    if outcome is None or not outcome[2] or re.search(rb"[ \t][;=]|[;=][ \t]|Content-Length", data):
        return
    payload, rest, _ = outcome
    seen = _Seen()
    parser = httptools.HttpRequestParser(seen)
    parser.feed_data(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data[: len(data) - len(rest)]
    )
    assert (seen.body, seen.complete) == (payload, True)

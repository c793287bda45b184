"""The oracle on responses: whatever an app answers, the client gets one clean response or a 502, and nothing of it
reaches the next request (F23, F28 to F32).
"""

import re
from collections.abc import Iterator, Sequence

import httptools
from attrs import frozen

from mutation.memory import MemoryProxy, Talk
from mutation.origin import Crooked, Seen, take_chunked, take_length

FIRST = b"/public/first"
SECOND = b"/public/second"
_SECOND_BODY = b"the second, untouched"
_SECOND_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n" + _SECOND_BODY
_STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\t -~\x80-\xff]*")
_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[\t -~\x80-\xff]*")
_FORBIDDEN = frozenset({b"keep-alive", b"proxy-connection", b"upgrade", b"trailer", b"proxy-authenticate", b"te"})


@frozen
class Read:
    """One final response as a client reads it; `whole` is false where the connection broke off within it."""

    status: int
    lines: tuple[bytes, ...]
    body: bytes
    whole: bool
    rest: bytes

    def values(self, name: bytes) -> list[bytes]:
        pairs = [line.partition(b":") for line in self.lines]
        return [value.strip(b" \t") for key, _, value in pairs if key.lower() == name]


def read_response(data: bytes, method: bytes, *, ended: bool) -> Read:
    """The first final response of `data`. Raises Crooked for what a proxy must never write."""
    interim = 0
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        start, *lines = head.split(b"\r\n")
        status = _STATUS.fullmatch(start)
        if not end or status is None or not all(_LINE.fullmatch(line) for line in lines):
            raise Crooked(f"no response: {data[:200]!r}")
        if int(status[1]) >= 200:
            break
        interim += 1
        if interim > 8 or status[1] == b"101":
            raise Crooked(f"{interim} interim responses, or an upgrade that nobody asked for")
        data = rest
    found = Read(int(status[1]), tuple(lines), b"", True, rest)
    lengths, codings = found.values(b"content-length"), found.values(b"transfer-encoding")
    if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
        raise Crooked(f"two framings: {head!r}")
    if method == b"HEAD" or found.status in (204, 304):
        return found
    if codings or lengths:
        taken = take_chunked(rest) if codings else take_length(rest, lengths[0])
        whole = taken is not None
        body, rest = taken or (rest, b"")
        return Read(found.status, found.lines, body, whole, rest)
    if b"close" not in found.values(b"connection"):
        raise Crooked(f"a body without an end: {head!r}")
    return Read(found.status, found.lines, rest, ended, b"")


def answer_with(
    proxy: MemoryProxy, response: bytes, pieces: Sequence[int], *, ends: bool, method: bytes = b"GET", token: bytes
) -> tuple[Read, list[str]]:
    """The app gives `response` in these pieces and ends its connection or leaves it open: (what the client
    read, findings).
    """

    def answer(seen: Seen, number: int) -> bytes:
        return b"" if seen.target == FIRST else _SECOND_ANSWER

    talk = proxy.connect()
    request = b"%b %b HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token + b"\r\n\r\n"
    talk.send(request % (method, FIRST), (), answer)
    app, transport = talk.pool.opened[0], talk.pool.app(0)
    rest = response
    for size in (*pieces, len(response)):
        piece, rest = rest[:size], rest[size:]
        if piece and not transport.ended:
            app.dataReceived(piece)
            talk.serve(answer)
    if ends:
        talk.app_ends()
    talk.send(request % (b"GET", SECOND), (), answer)
    if not talk.client.written or not _complete(talk, method):
        talk.app_ends()  # it waits for more of a response that will not come
    talk.finish(answer)
    return _judge(talk, method, response)


def _complete(talk: Talk, method: bytes) -> bool:
    try:
        return read_response(talk.client.written, method, ended=talk.closing).whole
    except Crooked:
        return False


def _judge(talk: Talk, method: bytes, response: bytes) -> tuple[Read, list[str]]:
    written = talk.client.written
    if not written and talk.client.ended == "aborted":
        return Read(0, (), b"", False, b""), ["the client got no answer"]
    first = read_response(written, method, ended=talk.client.ended != "aborted")
    found = list(_first(first, talk))
    if first.rest:
        second = read_response(first.rest, b"GET", ended=True)
        if second.rest or not second.whole:
            found.append(f"bytes behind the second answer: {second.rest!r}")
        if (second.status, second.body) not in ((200, _SECOND_BODY), (502, second.body)):
            found.append(f"the second request got {second}")
    elif not talk.closing:
        found.append("the connection stayed open without an answer to the second request")
    if first.status == 502 and first.whole and not talk.pool.app(0).ended and b"502" not in response:
        found.append("the connection to the app is still open after a 502")
    if first.whole and method == b"GET" and not _is_ours(first):
        found.extend(_second_opinion(first, response))
    return first, found


def _first(first: Read, talk: Talk) -> Iterator[str]:
    for line in first.lines:
        name = line.partition(b":")[0].lower()
        if name in _FORBIDDEN or re.sub(rb"[-_]+", b"-", name).startswith(b"x-aegis-"):
            yield f"the client got {line!r}"
    if first.values(b"connection") not in ([], [b"close"]):
        yield f"the client got Connection {first.values(b'connection')}"
    if not first.whole and not talk.closing:
        yield "a response that is not whole, on a connection that stays open"


def _is_ours(first: Read) -> bool:
    return first.status == 502 and b'"decision"' in first.body


class _Llhttp:
    """The first final response that llhttp reads."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.body = b""
        self.complete = False

    def on_headers_complete(self) -> None:
        if not self.complete:
            self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self.body += body

    def on_message_complete(self) -> None:
        self.complete = self.complete or self.status >= 200


def _second_opinion(first: Read, response: bytes) -> Iterator[str]:
    """What llhttp, the parser of Node.js, reads in the same bytes."""
    other = _Llhttp()
    try:
        other.parser.feed_data(response)
    except httptools.HttpParserError as error:
        if not other.complete:
            yield f"the client got what llhttp refuses: {error}"
            return
    if (first.status, first.body) != (other.status, other.body):
        yield f"llhttp reads {other.status} {other.body!r}, the client got {first.status} {first.body!r}"

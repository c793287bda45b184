"""What an app would read: the bytes that the proxy wrote to it, in the one narrow dialect that it may write.

A second opinion comes from llhttp, the parser of Node.js: it must find the same requests in the same bytes.
"""

import re

import httptools
from attrs import field, frozen

_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE = re.compile(_NAME + rb":[ \t]*[\t -~\x80-\xff]*")
_START = re.compile(rb"(" + _NAME + rb") ([!-~]+) HTTP/1\.1")


class Crooked(Exception):
    """The proxy wrote something that it must never write; the text says what."""


@frozen
class Seen:
    """A whole request as the app reads it."""

    method: bytes
    target: bytes
    lines: tuple[bytes, ...] = field(eq=False)
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        pairs = [line.partition(b":") for line in self.lines]
        return [value.strip(b" \t") for key, _, value in pairs if key.lower() == name]


def take_request(data: bytes) -> tuple[Seen, bytes] | None:
    """The first request of `data` and what follows it; None while it is not whole. Raises Crooked."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    start, *lines = head.split(b"\r\n")
    parts = _START.fullmatch(start)
    if parts is None or not all(_LINE.fullmatch(line) for line in lines):
        raise Crooked(f"a head that is none: {head!r}")
    seen = Seen(parts[1], parts[2], tuple(lines), b"")
    lengths, codings = seen.values(b"content-length"), seen.values(b"transfer-encoding")
    if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
        raise Crooked(f"a body with more than one framing: {head!r}")
    taken = take_chunked(rest) if codings else take_length(rest, lengths[0] if lengths else b"0")
    return None if taken is None else (Seen(seen.method, seen.target, seen.lines, taken[0]), taken[1])


def take_length(data: bytes, length: bytes) -> tuple[bytes, bytes] | None:
    """(body, rest) of a body of that length; None while it is not whole. Raises Crooked."""
    if not re.fullmatch(rb"0|[1-9][0-9]*", length):
        raise Crooked(f"the length {length!r}")
    size = int(length)
    return (data[:size], data[size:]) if len(data) >= size else None


def take_chunked(data: bytes) -> tuple[bytes, bytes] | None:
    """(body, rest) of a chunked body without extensions and trailers; None while it is not whole. Raises Crooked."""
    body = b""
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            return None
        if not re.fullmatch(rb"0|[1-9a-f][0-9a-f]*", line):
            raise Crooked(f"the chunk size {line!r}")
        size = int(line, 16)
        if len(data) < size + 2:
            return None
        if data[size : size + 2] != b"\r\n":
            raise Crooked(f"a chunk that does not end: {data[:80]!r}")
        body, data = body + data[:size], data[size + 2 :]
        if not size:
            return body, data


class _Llhttp:
    def __init__(self) -> None:
        self.requests: list[tuple[bytes, bytes]] = []
        self._target = b""
        self._body = b""

    def on_message_begin(self) -> None:
        self._target = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.requests.append((self._target, self._body))


# Of all methods, llhttp knows a list of its own; these are in it.
_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"})


def check_with_llhttp(data: bytes, seen: list[Seen]) -> None:
    """Raises Crooked if llhttp reads other requests in `data`, which is asked about methods that it knows."""
    if any(request.method not in _METHODS for request in seen):
        return
    found = _Llhttp()
    parser = httptools.HttpRequestParser(found)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:  # it stops behind a request that asks for an upgrade
        seen = seen[: len(found.requests)]
    except httptools.HttpParserError as error:
        raise Crooked(f"llhttp refuses it: {error}: {data!r}") from None
    if found.requests != [(request.target, request.body) for request in seen]:
        raise Crooked(f"llhttp reads {found.requests}, where {seen} was sent")

"""Parses the head of an HTTP/1.1 response as strictly as that of a request. RFC 9112 sections 4 and 6.3.

What is not exactly one response is not passed on: the caller gets a 502 and the connection is never used again.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from aegis_proxy.core import fields as field
from aegis_proxy.core.framing import ChunkedDecoder, Decoder, LengthDecoder, UntilCloseDecoder
from aegis_proxy.core.head import MAX_FIELDS
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused
from aegis_proxy.core.request import LENGTH, Body
from aegis_proxy.core.upgrade import agreed

STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})( [\t -~\x80-\xff]*)?")
_SINGLE = frozenset({field.CONTENT_LENGTH, field.TRANSFER_ENCODING})
_LISTS = frozenset({field.CONNECTION, field.UPGRADE})


class Response(NamedTuple):
    """`fields` are the lines that pass on: hop-by-hop fields are not among them, Content-Length is.

    `body` says how the body comes; NONE for an answer that has none by its status or its request's method.
    `length` is what Content-Length said, or -1: a HEAD or a 304 keeps it though no body follows. `upgrade` is the
    protocol that a 101 switches to, and empty for every other status. `secret` as in `request.Request`.
    """

    status: int
    start: bytes
    fields: Sequence[bytes]
    body: Body
    length: int
    keep_alive: bool
    upgrade: bytes = b""
    secret: frozenset[bytes] = frozenset()

    @property
    def head(self) -> bytes:
        """The start line and the fields that pass on, each ended, without the empty line."""
        return b"\r\n".join([self.start, *self.fields, b""])

    def decoder(self) -> Decoder:
        if self.body is Body.CHUNKED:
            return ChunkedDecoder()
        return UntilCloseDecoder() if self.body is Body.UNTIL_CLOSE else LengthDecoder(self.length)


def parse_response(block: bytes, method: bytes, asked: bytes = b"") -> Response:
    """Parses a head as `head.take_head` splits it off. Raises Refused(UPSTREAM_BROKEN).

    `method` is the request's, `asked` the protocol that it asked to switch to.
    """
    return (_remembered if len(block) <= _REMEMBERED else _parse)(block, method, asked)


def _parse(block: bytes, method: bytes, asked: bytes) -> Response:
    lines = field.lines_of(block)
    start = STATUS_LINE.fullmatch(lines[0]) if lines else None
    if lines is None or start is None or len(lines) > MAX_FIELDS + 1:
        raise Refused(UPSTREAM_BROKEN, "a head that is no HTTP/1.1 response")
    status = int(start[1])
    first = b"HTTP/1.1" + lines[0][8:] + (b"" if start[2] else b" ")  # the space is no option: RFC 9112 section 4
    passing: list[bytes] = []
    read: dict[int, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        role = field.egress_role(name) if colon else field.BAD
        if role == field.PASS:
            passing.append(line)
        elif role in _LISTS:
            read[role] = read[role] + b"," + value if role in read else value.strip(b" \t")
        elif role in _SINGLE:
            if role in read:
                raise Refused(UPSTREAM_BROKEN, "two fields that frame the body")
            read[role] = value.strip(b" \t")
            if role == field.CONTENT_LENGTH and status != 204:  # RFC 9110 section 8.6
                passing.append(line)
        elif role in (field.BAD, field.LOOKALIKE):
            raise Refused(UPSTREAM_BROKEN, "a malformed header field")
    http_1_0 = lines[0].startswith(b"HTTP/1.0")
    keep_alive = not http_1_0
    if connection := read.get(field.CONNECTION):
        options = field.names_in(connection)
        keep_alive = keep_alive and b"close" not in options
        passing = field.without(passing, options)
    body, length = _framing(status, method, read.get(field.CONTENT_LENGTH), read.get(field.TRANSFER_ENCODING), http_1_0)
    if status < 200 and not read.keys().isdisjoint(_SINGLE):  # RFC 9110 section 8.6, RFC 9112 section 6.1
        raise Refused(UPSTREAM_BROKEN, "an interim response with a body")
    if status == 101:
        upgrade = agreed(read.get(field.UPGRADE), connection, asked)
        return Response(status, first, passing, body, length, False, upgrade)
    return Response(status, first, passing, body, length, keep_alive and body is not Body.UNTIL_CLOSE)


# Apps repeat the heads of their responses to the letter; those up to this size are remembered, 512 of them at most.
_REMEMBERED = 2048
_remembered = lru_cache(maxsize=512)(_parse)


def _framing(
    status: int, method: bytes, length: bytes | None, coding: bytes | None, http_1_0: bool
) -> tuple[Body, int]:
    """(how the body comes, what Content-Length said or -1)."""
    if http_1_0 and status < 200:  # RFC 9110 section 15.2
        raise Refused(UPSTREAM_BROKEN, "an interim response in HTTP/1.0")
    if coding is not None and (length is not None or http_1_0 or coding.lower() != b"chunked"):
        raise Refused(UPSTREAM_BROKEN, "a body framed in two ways, or in one that we do not know")
    if length is not None and not LENGTH.fullmatch(length):
        raise Refused(UPSTREAM_BROKEN, "a Content-Length that is no plain decimal number")
    size = int(length) if length is not None else -1
    if method == b"HEAD" or status < 200 or status in (204, 304):
        return Body.NONE, size
    if coding is not None:
        return Body.CHUNKED, -1
    if size < 0:
        return Body.UNTIL_CLOSE, -1
    return (Body.LENGTH if size else Body.NONE), size

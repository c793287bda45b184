"""Fields of HTTP/2 messages: what RFC 9113 section 8.2 forbids in them, and their way to and from HTTP/1.1 heads.

Both versions are judged as the same `Request` and `Response`, and what passes on is made from the same head.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain

from aegis_proxy.core import fields as field
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.refusals import BAD_HEADER, Refusal, Refused, answer

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
# No control byte but HTAB within, no white space around (sections 8.2.1; RFC 9110 section 5.5).
_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
_OF_CONNECTION = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})


# Clients and apps repeat themselves. What sections of up to so many bytes come to is remembered, for so many of them.
REMEMBERED = 512
_MOST = 4096


def is_short(parts: Iterable[bytes]) -> bool:
    """Whether names and values, or lines, may be remembered."""
    return sum(map(len, parts)) <= _MOST


class Malformed(Refused):
    """What section 8.1.1 calls malformed: no message of HTTP at all, so its stream is reset."""

    def __init__(self, detail: str) -> None:
        super().__init__(BAD_HEADER, detail)


@lru_cache(maxsize=4096)
def _may_come(name: bytes) -> bool:
    return _NAME.fullmatch(name) is not None and name not in _OF_CONNECTION


def check(name: bytes, value: bytes) -> None:
    """Raises Malformed for a field that no HTTP/2 message may hold."""
    if not _may_come(name):
        raise Malformed("a field name that is malformed, upper case, or of a connection")
    if not _VALUE.fullmatch(value):
        raise Malformed("a field value with a control byte, or with white space around it")
    if name == b"te" and value != b"trailers":
        raise Malformed("a TE other than trailers")


def split_pseudo(
    fields: Sequence[tuple[bytes, bytes]], known: frozenset[bytes]
) -> tuple[dict[bytes, bytes], Sequence[tuple[bytes, bytes]]]:
    """(pseudo-header fields, the others). Raises Malformed unless they come first, once each, and are `known`."""
    pseudo: dict[bytes, bytes] = {}
    for name, value in fields:
        if name[:1] != b":":
            break
        if name in pseudo or name not in known or not _VALUE.fullmatch(value):
            raise Malformed("a pseudo-header field that is unknown, malformed, or came twice")
        pseudo[name] = value
    return pseudo, fields[len(pseudo) :]


def is_short_section(fields: Fields) -> bool:
    return is_short(chain.from_iterable(fields))


def trailers(fields: Fields, role_of: Callable[[bytes], int]) -> Fields:
    """The trailers that may pass on. Raises Malformed."""
    return (_known_trailers if is_short_section(fields) else _trailers)(tuple(fields), role_of)


def _trailers(fields: tuple[tuple[bytes, bytes], ...], role_of: Callable[[bytes], int]) -> Fields:
    passing = []
    for name, value in fields:
        check(name, value)
        if role_of(name) == field.PASS:
            passing.append((name, value))
    return passing


_known_trailers = lru_cache(REMEMBERED)(_trailers)


def of_request(head: bytes) -> Fields:
    """The header section that says what the head of an HTTP/1.1 request (of our own making) says."""
    return (_known_request if len(head) <= _MOST else _of_request)(head)


def _of_request(head: bytes) -> Fields:
    start, *lines = head[:-4].split(b"\r\n")
    method, target, _ = start.split(b" ")
    fields = of_lines(lines)
    name, authority = fields[0]
    assert name == b"host"
    return [(b":method", method), (b":scheme", b"http"), (b":authority", authority), (b":path", target), *fields[1:]]


_known_request = lru_cache(REMEMBERED)(_of_request)


def of_response(status: int, lines: Sequence[bytes]) -> Fields:
    """The header section of a response with these field lines."""
    return (_known_response if is_short(lines) else _of_response)(status, tuple(lines))


def _of_response(status: int, lines: tuple[bytes, ...]) -> Fields:
    return [(b":status", b"%d" % status), *of_lines(lines)]


_known_response = lru_cache(REMEMBERED)(_of_response)


def of_refusal(refusal: Refusal, decision: str, *, head_only: bool) -> tuple[Fields, bytes]:
    """Header section and body of the answer that HTTP/1.1 callers get, too."""
    head, _, body = answer(refusal, decision, close=False, head_only=head_only).partition(b"\r\n\r\n")
    return of_response(refusal.status, head.split(b"\r\n")[1:]), body


def of_lines(lines: Iterable[bytes]) -> Fields:
    fields = []
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name not in _OF_CONNECTION:
            fields.append((name, value.strip(b" \t")))
    return fields

"""Parses the header section of an HTTP/2 request into the same `Request` as HTTP/1.1's, by the same rules.

RFC 9113 section 8.3.1. What is malformed there is `Malformed`; what HTTP/1.1 refuses too is refused as there.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from aegis_proxy.core import fields as field
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.h2_fields import REMEMBERED, Malformed, check, is_short_section, split_pseudo
from aegis_proxy.core.head import MAX_FIELDS
from aegis_proxy.core.refusals import (
    BAD_EXPECTATION,
    BAD_HEADER,
    CONNECT_REFUSED,
    HEAD_TOO_LARGE,
    TWO_CREDENTIALS,
    Refused,
)
from aegis_proxy.core.request import LENGTH, Body, Request, same_authority, target_of

_PSEUDO = frozenset({b":method", b":scheme", b":authority", b":path"})
_METHOD = re.compile(field.TOKEN + rb"{1,32}")
_PATH = re.compile(rb"/[!-~]*")


def parse_h2_request(
    fields: Fields,
    role_of: Callable[[bytes], int],
    *,
    canonical: bool,
    ended: bool,
    secret: frozenset[bytes] = frozenset(),
) -> Request:
    """`role_of` and `canonical` as in `request.parse_request`; `ended`: no body follows. Raises Refused."""
    return (_known if is_short_section(fields) else _parse)(tuple(fields), role_of, canonical, ended, secret)


def _parse(
    section: tuple[tuple[bytes, bytes], ...],
    role_of: Callable[[bytes], int],
    canonical: bool,
    ended: bool,
    secret: frozenset[bytes],
) -> Request:
    pseudo, fields = split_pseudo(section, _PSEUDO)
    method = _method(pseudo)
    if len(fields) > MAX_FIELDS:
        raise Refused(HEAD_TOO_LARGE, f"more than {MAX_FIELDS} header fields")
    passing: list[bytes] = []
    crumbs: list[bytes] = []
    read: dict[int, bytes] = {}
    for name, value in fields:
        check(name, value)
        role = role_of(name)
        if name == b"cookie":
            crumbs.append(value)
        elif role == field.PASS:
            passing.append(name + b": " + value)
        elif role > field.LOOKALIKE:
            if role in read:
                raise _twice(role)
            read[role] = value
        elif role == field.LOOKALIKE:
            raise Refused(BAD_HEADER, "a field name that folds to one that decides framing")
    if crumbs:  # section 8.2.3
        passing.append(b"cookie: " + b"; ".join(crumbs))
    if field.TE in read:
        passing.append(b"TE: trailers")
    authority = _authority(pseudo.get(b":authority"), read.get(field.HOST))
    target, path, host = target_of(method, pseudo[b":path"], authority, canonical)
    body, length = _framing(read.get(field.CONTENT_LENGTH), ended)
    expectation = read.get(field.EXPECT)
    if expectation is not None and expectation.lower() != b"100-continue":
        raise Refused(BAD_EXPECTATION, "an expectation other than 100-continue")
    return Request(
        method=method,
        target=target,
        path=path,
        host=host,
        fields=passing,
        body=body,
        length=length,
        keep_alive=True,
        http_1_0=False,
        credentials=read.get(field.AUTHORIZATION),
        expects_continue=expectation is not None and body is not Body.NONE,
        absolute=False,
        secret=secret,
    )


_known = lru_cache(REMEMBERED)(_parse)


def _method(pseudo: dict[bytes, bytes]) -> bytes:
    method = pseudo.get(b":method", b"")
    if not _METHOD.fullmatch(method):
        raise Malformed("no :method, or one that is no token")
    if method == b"CONNECT":
        raise Refused(CONNECT_REFUSED, "CONNECT")
    if pseudo.get(b":scheme") not in (b"http", b"https"):
        raise Malformed("no :scheme, or one that is not HTTP's")
    path = pseudo.get(b":path", b"")
    if not _PATH.fullmatch(path) and not (path == b"*" and method == b"OPTIONS"):
        raise Malformed("no :path, or one that is none")
    return method


def _twice(role: int) -> Refused:
    if role == field.AUTHORIZATION:
        return Refused(TWO_CREDENTIALS, "two Authorization fields")
    return Malformed("a field that may come once came twice")


def _authority(authority: bytes | None, host: bytes | None) -> bytes | None:
    if authority is not None and host is not None and same_authority(authority) != same_authority(host):
        raise Malformed("a Host that differs from :authority")
    return host if authority is None else authority


def _framing(length: bytes | None, ended: bool) -> tuple[Body, int]:
    if length is None:
        return (Body.NONE if ended else Body.CHUNKED), 0
    if not LENGTH.fullmatch(length):
        raise Malformed("a Content-Length that is no plain decimal number")
    size = int(length)
    if ended and size:
        raise Malformed("a Content-Length of more than the body")
    return (Body.LENGTH if size else Body.NONE), size


class BodyCount:
    """Holds a body to its Content-Length (section 8.1.1), if there is one."""

    __slots__ = ("_left",)

    def __init__(self, length: int | None) -> None:
        self._left = length

    def add(self, size: int, ended: bool) -> None:
        """Raises Malformed for a body that is longer, or ends before."""
        if self._left is None:
            return
        self._left -= size
        if self._left < 0 or (ended and self._left):
            raise Malformed("a body that is not as long as its Content-Length says")


def body_count(request: Request) -> BodyCount:
    return BodyCount(None if request.body is Body.CHUNKED else request.length)

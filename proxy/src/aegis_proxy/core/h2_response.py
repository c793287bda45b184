"""Parses the header section of an HTTP/2 response into the same `Response` as HTTP/1.1's. RFC 9113 section 8.3.2."""

import re
from functools import lru_cache

from aegis_proxy.core import fields as field
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.h2_fields import REMEMBERED, Malformed, check, is_short_section, split_pseudo
from aegis_proxy.core.h2_request import BodyCount
from aegis_proxy.core.head import MAX_FIELDS
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused
from aegis_proxy.core.request import LENGTH, Body
from aegis_proxy.core.response import Response

_PSEUDO = frozenset({b":status"})
_STATUS = re.compile(rb"[1-5][0-9]{2}")


def parse_h2_response(
    fields: Fields, method: bytes, *, ended: bool, secret: frozenset[bytes] = frozenset()
) -> Response:
    """`method` is the request's; `ended`: no body follows. Raises Refused(UPSTREAM_BROKEN)."""
    try:
        return (_known if is_short_section(fields) else _parse)(tuple(fields), method, ended, secret)
    except Malformed as error:
        raise Refused(UPSTREAM_BROKEN, error.detail) from None


def _parse(section: tuple[tuple[bytes, bytes], ...], method: bytes, ended: bool, secret: frozenset[bytes]) -> Response:
    pseudo, fields = split_pseudo(section, _PSEUDO)
    status_text = pseudo.get(b":status", b"")
    if not _STATUS.fullmatch(status_text) or status_text == b"101" or len(fields) > MAX_FIELDS:
        raise Malformed("no :status, one that HTTP/2 does not have, or too many fields")
    status = int(status_text)
    passing: list[bytes] = []
    length: bytes | None = None
    for name, value in fields:
        check(name, value)
        role = field.egress_role(name)
        if role == field.PASS:
            passing.append(name + b": " + value)
        elif role == field.LOOKALIKE:
            raise Malformed("a field name that folds to one that decides framing")
        elif role == field.CONTENT_LENGTH:
            if length is not None or not LENGTH.fullmatch(value):
                raise Malformed("a Content-Length that came twice, or is no plain decimal number")
            length = value
            if status >= 200 and status != 204:  # RFC 9110 section 8.6
                passing.append(b"content-length: " + value)
    size = int(length) if length is not None else -1
    if method == b"HEAD" or status < 200 or status in (204, 304):
        body = Body.NONE
    elif length is None:
        body = Body.CHUNKED
    elif ended and size:
        raise Malformed("a Content-Length of more than the body")
    else:
        body = Body.LENGTH if size else Body.NONE
    return Response(status, b"HTTP/1.1 %d " % status, passing, body, size, True, b"", secret)


_known = lru_cache(REMEMBERED)(_parse)


def body_count(response: Response) -> BodyCount:
    return BodyCount(0 if response.body is Body.NONE else None if response.length < 0 else response.length)

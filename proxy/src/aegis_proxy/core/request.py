"""Parses the head of an HTTP/1.1 request, strictly. RFC 9112 sections 3, 5 and 6; RFC 9110 section 7.

Everything here works on bytes and regular expressions of its own: a lenient helper (urllib, int, str methods) would be
a second opinion about the same bytes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from aegis_api.paths import AmbiguousPath, canonical_path
from aegis_proxy.core import fields as field
from aegis_proxy.core.head import MAX_FIELDS, MAX_TARGET, bad_start_line
from aegis_proxy.core.refusals import (
    AMBIGUOUS_PATH,
    BAD_EXPECTATION,
    BAD_FRAMING,
    BAD_HEADER,
    BAD_HOST,
    BAD_TARGET,
    CONNECT_REFUSED,
    HEAD_TOO_LARGE,
    TARGET_TOO_LONG,
    TRACE_REFUSED,
    TWO_CREDENTIALS,
    UNKNOWN_CODING,
    Refused,
)
from aegis_proxy.core.upgrade import asked_for

START_LINE = re.compile(rb"(" + field.TOKEN + rb"{1,32}) ([!-~]+) HTTP/1\.([01])")
_HOST = re.compile(rb"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,254})|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_ABSOLUTE = re.compile(rb"http://([^/?#]*)(/[^?]*)?(\?.*)?", re.IGNORECASE)
_QUERY = re.compile(rb"[!\"$-~]*")
LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")
_CODING = re.compile(field.TOKEN + rb"+")


class Body(IntEnum):
    """How a message's body is framed."""

    NONE = 0
    LENGTH = 1
    CHUNKED = 2
    UNTIL_CLOSE = 3


_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})


class Request(NamedTuple):
    """A request that has exactly one reading.

    `target` is path and query as they are judged and sent on; `path` is the canonical path alone. `host` is the
    authority as it came (of the URI in absolute form, else of Host). `fields` are the lines that pass on, as they came.
    `credentials` is the value of Authorization. `absolute`: the target came in absolute form. `upgrade` is the protocol
    that it asks to switch to, empty for none. Of a CONNECT, target and path are the authority to connect to. `secret`
    names the fields that no table of HPACK may hold (RFC 7541 section 6.2.3). `again`: it is one object each time that
    it comes (see `RequestReader`).
    """

    method: bytes
    target: bytes
    path: bytes
    host: bytes
    fields: Sequence[bytes]
    body: Body
    length: int
    keep_alive: bool
    http_1_0: bool
    credentials: bytes | None
    expects_continue: bool
    absolute: bool
    upgrade: bytes = b""
    secret: frozenset[bytes] = frozenset()
    again: bool = False

    def with_token(self, token: bytes) -> "Request":
        """The same with a bearer token as its credentials."""
        return Request._make((*self[:_CREDENTIALS], b"Bearer " + token, *self[_CREDENTIALS + 1 :]))

    @property
    def repeatable(self) -> bool:
        """May be sent again when upstream has not looked at it, as far as we know (RFC 9110 section 9.2.2)."""
        return self.body is Body.NONE and self.method in _IDEMPOTENT


_CREDENTIALS = Request._fields.index("credentials")


def parse_request(block: bytes, role_of: Callable[[bytes], int], *, canonical: bool) -> Request:
    """Parses a head as `head.take_head` splits it off; `role_of` is `fields.ingress_role` or `egress_role`.

    `canonical`: the path must have a canonical form, which takes its place (ingress); without it the path is passed on
    as it came (egress: it is the next proxy's to judge), and CONNECT is a method like others. Raises Refused.
    """
    end = block.find(b"\r\n")
    end = len(block) if end < 0 else end
    start = START_LINE.fullmatch(block, 0, end)
    if start is None:
        raise _fault(block[:end])
    method, raw_target, minor = start.groups()
    section = block[end:]
    passing, read, plain = (_remembered if len(section) <= _REMEMBERED else _read_fields)(section, role_of)
    http_1_0 = minor == b"0"
    target, path, host = target_of(method, raw_target, read.get(field.HOST), canonical)
    credentials = read.get(field.AUTHORIZATION)
    absolute = raw_target[:1] not in b"/*"
    if plain:
        return Request(
            method, target, path, host, passing, Body.NONE, 0, not http_1_0, http_1_0, credentials, False, absolute
        )
    body, size = _framing(read.get(field.CONTENT_LENGTH), read.get(field.TRANSFER_ENCODING), http_1_0)
    keep_alive = not http_1_0
    if connection := read.get(field.CONNECTION):
        options = field.names_in(connection)
        keep_alive = keep_alive and b"close" not in options
        passing = field.without(passing, options)
    if read.get(field.TE, b"").lower() == b"trailers":
        passing = [*passing, b"TE: trailers"]
    expectation = read.get(field.EXPECT)
    if expectation is not None and expectation.lower() != b"100-continue":
        raise Refused(BAD_EXPECTATION, "an expectation other than 100-continue")
    expects = expectation is not None and body is not Body.NONE and not http_1_0
    upgrade = b""
    if field.UPGRADE in read and body is Body.NONE and not http_1_0:
        upgrade = asked_for(read[field.UPGRADE], connection)
    return Request(
        method, target, path, host, passing, body, size, keep_alive, http_1_0, credentials, expects, absolute, upgrade
    )


class _Fields(NamedTuple):
    """The header fields of a request: the lines that pass on, and the values of those that are read.

    `plain`: of those there are no others than Host and Authorization.
    """

    passing: list[bytes]
    read: Mapping[int, bytes]
    plain: bool


_PLAIN = frozenset({field.HOST, field.AUTHORIZATION})
# Clients repeat their header fields to the letter; sections up to this size are remembered, 512 of them at most.
_REMEMBERED = 4096


def _read_fields(section: bytes, role_of: Callable[[bytes], int]) -> _Fields:
    """Reads what follows the start line: lines that each begin with CRLF. Raises Refused."""
    lines = field.lines_of(section)
    if lines is None:
        raise Refused(BAD_HEADER, "a header field with a byte, a space or a line end where none may be")
    if len(lines) > MAX_FIELDS + 1:
        raise Refused(HEAD_TOO_LARGE, f"more than {MAX_FIELDS} header fields")
    passing: list[bytes] = []
    read: dict[int, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        role = role_of(name) if colon else field.BAD
        if role == field.PASS:
            passing.append(line)
        elif role > field.LOOKALIKE:
            value = value.strip(b" \t")
            read[role] = value if role not in read else _repeated(role, read[role], value)
        elif role != field.DROP:
            raise Refused(BAD_HEADER, "a field name that is malformed, or folds to one that decides framing")
    return _Fields(passing, read, read.keys() <= _PLAIN)


_remembered = lru_cache(maxsize=512)(_read_fields)


_REPEATED = {
    field.HOST: Refused(BAD_HOST, "two Host fields"),
    field.AUTHORIZATION: Refused(TWO_CREDENTIALS, "two Authorization fields"),
    field.CONTENT_LENGTH: Refused(BAD_FRAMING, "two Content-Length fields"),
    field.TRANSFER_ENCODING: Refused(BAD_FRAMING, "two Transfer-Encoding fields"),
    field.EXPECT: Refused(BAD_EXPECTATION, "two Expect fields"),
}


def _repeated(role: int, first: bytes, second: bytes) -> bytes:
    """The joined value of a field that came twice, where a list is what it holds. Raises Refused for all others."""
    if role in _REPEATED:
        refused = _REPEATED[role]
        raise Refused(refused.refusal, refused.detail)
    return first + b"," + second


def _framing(length: bytes | None, coding: bytes | None, http_1_0: bool) -> tuple[Body, int]:
    """RFC 9112 section 6.3, without its leniencies: two framings, or one that is odd, are refused."""
    if coding is not None:
        if length is not None:
            raise Refused(BAD_FRAMING, "both Content-Length and Transfer-Encoding")
        if http_1_0:
            raise Refused(BAD_FRAMING, "Transfer-Encoding in HTTP/1.0")
        if coding.lower() != b"chunked":
            known = _CODING.fullmatch(coding) and coding.lower() != b"identity"
            raise Refused(UNKNOWN_CODING if known else BAD_FRAMING, "a Transfer-Encoding other than chunked")
        return Body.CHUNKED, 0
    if length is None:
        return Body.NONE, 0
    if not LENGTH.fullmatch(length):
        raise Refused(BAD_FRAMING, "a Content-Length that is no plain decimal number")
    size = int(length)
    return (Body.LENGTH if size else Body.NONE), size


_REFUSED_METHODS = {
    b"CONNECT": Refused(CONNECT_REFUSED, "CONNECT"),
    b"TRACE": Refused(TRACE_REFUSED, "TRACE"),
}


def target_of(method: bytes, target: bytes, host: bytes | None, canonical: bool) -> tuple[bytes, bytes, bytes]:
    """(target to send on, its path, authority). RFC 9112 section 3.2."""
    if len(target) > MAX_TARGET:
        raise Refused(TARGET_TOO_LONG, f"a target over {MAX_TARGET} bytes")
    if method in _REFUSED_METHODS:
        return _to_connect(method, target, host, canonical)
    if host is None or not is_authority(host):
        raise Refused(BAD_HOST, "no Host, or one that is no host name with an optional port")
    if target[:1] == b"/":
        raw_path, mark, query = target.partition(b"?")
    elif target == b"*" and method == b"OPTIONS":
        return target, target, host
    else:
        form = _ABSOLUTE.fullmatch(target)
        if not form or not is_authority(form[1]):
            raise Refused(BAD_TARGET, "a target that is neither a path nor an absolute http URI")
        if same_authority(form[1]) != same_authority(host):
            raise Refused(BAD_HOST, "a Host that differs from the authority of the target")
        host = form[1]
        raw_path, mark, query = form[2] or b"/", (form[3] or b"")[:1], (form[3] or b"")[1:]
    if query and not _QUERY.fullmatch(query):
        raise Refused(BAD_TARGET, "a query with a byte that no query may hold")
    if not canonical:
        if b"#" in raw_path:
            raise Refused(BAD_TARGET, "a fragment in the target")
        return raw_path + mark + query, raw_path, host
    try:
        path = canonical_path(raw_path, encoded_slash=True)  # which policy must allow: see `ingress.judge`
    except AmbiguousPath as error:
        raise Refused(AMBIGUOUS_PATH, str(error)) from None
    return (path + mark + query if mark else path), path, host


def _to_connect(method: bytes, target: bytes, host: bytes | None, canonical: bool) -> tuple[bytes, bytes, bytes]:
    """The authority that a CONNECT names, on the way out. RFC 9110 section 9.3.6.

    The target alone says where to: clients of HTTP/1.0 send no Host, others leave its port away.
    """
    if method != b"CONNECT" or canonical:
        refused = _REFUSED_METHODS[method]
        raise Refused(refused.refusal, refused.detail)
    name, _, port = target.rpartition(b":")
    if not name or not port.isdigit() or not is_authority(target):
        raise Refused(BAD_TARGET, "a CONNECT to something else than HOST:PORT")
    if host is not None and host.lower() not in (target.lower(), name.lower()):
        raise Refused(BAD_HOST, "a Host that differs from the authority of the target")
    return target, target, target


@lru_cache(maxsize=1024)
def is_authority(text: bytes) -> bool:
    """Whether `text` is a host name or IP literal with an optional port, and nothing else."""
    match = _HOST.fullmatch(text)
    return match is not None and (match[1] is None or 0 < int(match[1]) < 65536)


def same_authority(authority: bytes) -> bytes:
    """The spelling under which two authorities of http URIs are compared: lower case, no dot at the end, no port 80."""
    name, colon, port = authority.lower().rpartition(b":")
    if not colon or not port.isdigit():
        name, port = authority.lower(), b"80"
    name = name.removesuffix(b".")
    return name if port == b"80" else name + b":" + port


def _fault(line: bytes) -> Refused:
    """Why a start line is refused; only asked when it is."""
    if len(line) > MAX_TARGET + 64:
        return Refused(TARGET_TOO_LONG, f"a target over {MAX_TARGET} bytes")
    return bad_start_line(line)

"""Header fields: what each is to a proxy, and which of them pass on. RFC 9110 sections 5 and 7.6.1."""

import re
from functools import lru_cache
from typing import Final

# What a field is to us. PASS goes through as it came, DROP never goes through, BAD and LOOKALIKE refuse the message,
# the rest is read. Plain numbers: they are compared for every field of every message.
PASS: Final = 0
DROP: Final = 1
BAD: Final = 2
LOOKALIKE: Final = 3
HOST: Final = 4
CONTENT_LENGTH: Final = 5
TRANSFER_ENCODING: Final = 6
CONNECTION: Final = 7
AUTHORIZATION: Final = 8
EXPECT: Final = 9
TE: Final = 10
UPGRADE: Final = 11

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_NAME = re.compile(TOKEN + rb"+")
_RUNS = re.compile(rb"-+")
# HTAB, visible ASCII, SP and obs-text (RFC 9110 section 5.5): what lines consist of, beside their ends.
_LINE_BYTES = bytes((0x09, *range(0x20, 0x7F), *range(0x80, 0x100)))

_READ = {
    b"host": HOST,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"connection": CONNECTION,
    b"authorization": AUTHORIZATION,
    b"expect": EXPECT,
    b"te": TE,
    b"upgrade": UPGRADE,
}
_HOP_BY_HOP = frozenset(
    {b"keep-alive", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate", b"trailer", b"http2-settings"}
)
# Names a receiver could take for one of those that decide framing, routing or identity.
_GUARDED = frozenset({b"content-length", b"transfer-encoding", b"authorization", b"host"})
# What a client could use to make the app see another request than the one that was judged.
_FORWARDED = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-uri",
        b"x-forwarded-client-cert",
        b"x-client-cert",
        b"x-real-ip",
        b"x-original-url",
        b"x-rewrite-url",
        b"x-envoy-original-path",
        b"x-http-method-override",
        b"x-http-method",
        b"x-method-override",
    }
)
_OWN = b"x-aegis-"


def lines_of(block: bytes) -> list[bytes] | None:
    """The lines of a head, or None if it holds a control byte, or a CR or LF that is not part of a line end."""
    lines = block.split(b"\r\n")
    return lines if block.translate(None, _LINE_BYTES) == b"\r\n" * (len(lines) - 1) else None


def _folded(lower: bytes) -> bytes:
    """The name as servers see it that turn names into variables: `_` and runs of `-` are one `-`."""
    return _RUNS.sub(b"-", lower.replace(b"_", b"-"))


def _role(name: bytes) -> int:
    if not _NAME.fullmatch(name):
        return BAD
    lower = name.lower()
    folded = _folded(lower)
    if lower in _READ:
        return _READ[lower]
    if folded in _GUARDED:
        return LOOKALIKE
    return DROP if lower in _HOP_BY_HOP or folded.startswith(_OWN) else PASS


@lru_cache(maxsize=4096)
def egress_role(name: bytes) -> int:
    """The role of a field in a request of the app, and in every response. Remembered, for names recur."""
    return _role(name)


@lru_cache(maxsize=4096)
def ingress_role(name: bytes) -> int:
    """The role of a field in a request from outside: what speaks of other hops is not the client's to say."""
    return DROP if _folded(name.lower()) in _FORWARDED else _role(name)


def names_in(connection: bytes) -> frozenset[bytes]:
    """The lower-case options of a Connection header (RFC 9110 section 7.6.1)."""
    return frozenset(option.strip(b" \t").lower() for option in connection.split(b","))


# Never removed because a Connection header names them: they are ours to judge.
_NOT_REMOVABLE = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"authorization", b"close", b"keep-alive", b""}
)


def without(lines: list[bytes], options: frozenset[bytes]) -> list[bytes]:
    """The field lines that a Connection header with these options lets pass."""
    named = options - _NOT_REMOVABLE
    return [line for line in lines if line.partition(b":")[0].lower() not in named] if named else lines

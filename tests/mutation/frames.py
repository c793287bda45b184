"""HTTP/2 as mutants: the frames that they are made of, and operators that know what a frame is.

A seed is what a client sends behind its preface. Beside the operators here, those on plain bytes change it, which
mostly destroys its framing.
"""

from collections.abc import Callable, Sequence
from random import Random

from mutation.messages import CANARY
from mutation.operators import (
    Operator,
    delete_byte,
    delete_span,
    duplicate_span,
    insert_token,
    replace_byte,
    truncate,
)
from support import h2_wire as wire

Frame = tuple[int, int, int, bytes]
Pairs = list[tuple[bytes, bytes]]

# Stands for the token while mutants are made, as in `messages`.
_GOOD = b"Bearer good"


def frames_with_token(data: bytes, token: bytes) -> bytes:
    """With the token where it was meant, and lengths that fit."""
    found, rest = frames_of(data)
    meant, given = (wire.literal([(b"", value)])[2:] for value in (_GOOD, b"Bearer " + token))
    return b"".join(wire.frame(*each[:3], each[3].replace(meant, given)) for each in found) + rest


def _get(path: bytes, *more: tuple[bytes, bytes], method: bytes = b"GET") -> Pairs:
    head = [(b":method", method), (b":scheme", b"http"), (b":authority", b"a"), (b":path", path)]
    return [*head, (b"authorization", _GOOD), *more]


def _split(stream: int, fields: Pairs) -> bytes:
    """A header section in HEADERS and two CONTINUATIONs."""
    block = wire.literal(fields)
    cuts = block[:7], block[7:30], block[30:]
    kinds = (wire.HEADERS, wire.END_STREAM), (wire.CONTINUATION, 0), (wire.CONTINUATION, wire.END_HEADERS)
    return b"".join(wire.frame(kind, flags, stream, cut) for (kind, flags), cut in zip(kinds, cuts, strict=True))


_POST = _get(b"/public/form", method=b"POST")
_SETTINGS = wire.settings((4, 100), (1, 0), (5, 16384))
FRAMES: Sequence[bytes] = (
    wire.headers(1, _get(b"/public")),
    wire.headers(1, _get(b"/public/a?b=c", (b"accept", b"*/*"), (b"cookie", b"a=b"), (b"cookie", b"c=d"))),
    _SETTINGS + wire.headers(1, _get(b"/raw/a%2Fb")) + wire.window_update(0, 1000) + wire.headers(3, _get(CANARY)),
    wire.headers(1, _get(b"/admin")) + wire.headers(3, _get(CANARY)),
    _split(1, _get(b"/public/split")) + wire.headers(3, _get(CANARY)),
    wire.headers(1, _POST, ended=False) + wire.frame(wire.DATA, wire.END_STREAM, 1, b"hello"),
    wire.headers(1, [*_POST, (b"content-length", b"5")], ended=False)
    + wire.frame(wire.DATA, 0, 1, b"he")
    + wire.frame(wire.DATA, wire.END_STREAM | wire.PADDED, 1, b"\2llo\0\0"),
    wire.headers(1, _POST, ended=False)
    + wire.frame(wire.DATA, 0, 1, b"hello")
    + wire.headers(1, [(b"x-trailer", b"1")]),
    wire.headers(1, _POST, ended=False) + wire.headers(3, _get(CANARY)) + wire.rst(1) + wire.headers(5, _get(CANARY)),
    wire.headers(1, [*_POST, (b"te", b"trailers"), (b"content-type", b"application/grpc")], ended=False)
    + wire.frame(wire.DATA, wire.END_STREAM, 1, b"\0\0\0\0\0"),
    wire.frame(
        wire.HEADERS,
        wire.END_HEADERS | wire.END_STREAM | wire.PADDED | wire.WITH_PRIORITY,
        1,
        b"\1\0\0\0\0\x10" + wire.literal(_get(b"/public")) + b"\0",
    ),
    wire.frame(wire.PING, 0, 0, b"12345678")
    + wire.frame(wire.PRIORITY, 0, 3, bytes(5))
    + wire.headers(5, _get(CANARY)),
    wire.headers(1, [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/healthz")]),
    wire.headers(1, [*_get(b"*", method=b"OPTIONS")]) + wire.frame(wire.GOAWAY, 0, 0, bytes(8)),
)


def frames_of(data: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames of `data`, and what is left."""
    found: list[Frame] = []
    while len(data) >= 9 and len(data) >= 9 + (size := int.from_bytes(data[:3], "big")):
        found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + size]))
        data = data[9 + size :]
    return found, data


def _on_frames(change: Callable[[list[Frame], int, Random], None]) -> Operator:
    """An operator on the whole frames of a mutant, with the place of one of them."""

    def operator(data: bytes, random: Random) -> bytes:
        found, rest = frames_of(data)
        if found:
            change(found, random.randrange(len(found)), random)
        return b"".join(wire.frame(*each) for each in found) + rest

    operator.__name__ = change.__name__
    return operator


@_on_frames
def change_kind(found: list[Frame], at: int, random: Random) -> None:
    found[at] = (random.choice((*range(10), 16, 255)), *found[at][1:])


@_on_frames
def change_flags(found: list[Frame], at: int, random: Random) -> None:
    kind, flags, stream, payload = found[at]
    found[at] = kind, flags ^ random.choice((1, 4, 8, 32, random.getrandbits(8))), stream, payload


@_on_frames
def change_stream(found: list[Frame], at: int, random: Random) -> None:
    kind, flags, stream, payload = found[at]
    other = random.choice((0, 1, 2, 3, 4, 5, stream + 1, stream + 2, stream | 1 << 31, (1 << 31) - 1))
    found[at] = kind, flags, other, payload


@_on_frames
def duplicate_frame(found: list[Frame], at: int, random: Random) -> None:
    found.insert(random.randrange(len(found) + 1), found[at])


@_on_frames
def delete_frame(found: list[Frame], at: int, random: Random) -> None:
    del found[at]


@_on_frames
def swap_frames(found: list[Frame], at: int, random: Random) -> None:
    other = random.randrange(len(found))
    found[at], found[other] = found[other], found[at]


@_on_frames
def cut_payload(found: list[Frame], at: int, random: Random) -> None:
    kind, flags, stream, payload = found[at]
    found[at] = kind, flags, stream, payload[: random.randrange(len(payload) + 1)]


@_on_frames
def lengthen_payload(found: list[Frame], at: int, random: Random) -> None:
    kind, flags, stream, payload = found[at]
    found[at] = kind, flags, stream, payload + random.choice((b"\0", b"\xff", bytes(8), bytes(20_000)))


_ODD: Sequence[bytes] = (
    wire.window_update(0, 0), wire.window_update(1, 0), wire.window_update(0, 0x7FFFFFFF),
    wire.window_update(1, 0x7FFFFFFF),
    wire.rst(1), wire.rst(3, 0), wire.rst(7), wire.frame(wire.PING, 0, 0, bytes(8)),
    wire.frame(wire.PING, 1, 0, bytes(8)),
    wire.settings((4, 0)), wire.settings((4, 1 << 31)), wire.settings((5, 1)), wire.settings((5, 1 << 24)),
    wire.settings((3, 0)), wire.settings((2, 2)), wire.settings((1, 1 << 31)), wire.settings((6, 1)),
    wire.settings((99, 1)),
    wire.frame(wire.SETTINGS_, wire.ACK, 0), wire.frame(wire.SETTINGS_, 0, 0, b"\0"), wire.SETTINGS, wire.PREFACE,
    wire.frame(wire.DATA, 0, 1, b""), wire.frame(wire.DATA, 1, 1, b"x"), wire.frame(wire.DATA, 0, 9, b"x"),
    wire.frame(wire.DATA, 0, 0, b"x"), wire.frame(wire.DATA, wire.PADDED, 1, b"\xff"),
    wire.frame(wire.CONTINUATION, 4, 1, b""),
    wire.frame(wire.PUSH_PROMISE, 4, 1, bytes(4)), wire.frame(wire.GOAWAY, 0, 0, bytes(8)),
    wire.frame(0x42, 0, 1, b"?"),
    wire.frame(wire.HEADERS, 0, 1, b""), wire.frame(wire.PRIORITY, 0, 1, b"\0\0\0\1\0"),
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
)  # fmt: skip


def insert_odd(data: bytes, random: Random) -> bytes:
    """A frame that is out of place somewhere, or no frame."""
    found, rest = frames_of(data)
    at = random.randrange(len(found) + 1)
    before, behind = (b"".join(wire.frame(*each) for each in part) for part in (found[:at], found[at:]))
    return before + random.choice(_ODD) + behind + rest


_FIELDS: Sequence[tuple[bytes, bytes]] = (
    (b":path", b"/admin"), (b":path", b"/public"), (b":path", b""), (b":method", b"GET"), (b":method", b"CONNECT"),
    (b":authority", b"b"), (b":scheme", b"https"), (b":protocol", b"websocket"), (b":status", b"200"),
    (b"host", b"b"),
    (b"host", b"a"), (b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"upgrade", b"h2c"),
    (b"content-length", b"5"), (b"content-length", b"0"), (b"content-length", b"+5"), (b"te", b"gzip"),
    (b"X-Upper", b"1"),
    (b"x", b"a\r\nTransfer-Encoding: chunked"), (b"x", b"a\0"), (b"x y", b"1"), (b"", b"1"), (b"x", b" padded "),
    (b"x-aegis-identity", b"admin"), (b"x_aegis_identity", b"admin"), (b"x-forwarded-for", b"1.2.3.4"),
    (b"authorization", b"Bearer x"), (b"content_length", b"5"), (b"expect", b"100-continue"), (b"keep-alive", b"5"),
)  # fmt: skip
_PATHS = (
    b"/..",
    b"/../admin",
    b"//",
    b"%2f",
    b"%00",
    b"/%2e%2e/admin",
    b"#x",
    b" ",
    b"\0",
    b"?",
    b"http://a/public",
    b"\\",
)


@_on_frames
def add_field(found: list[Frame], at: int, random: Random) -> None:
    """A field that decides framing or trust, before or behind a header section's others; what has none gets it, too."""
    kind, flags, stream, payload = found[at]
    block = wire.literal([random.choice(_FIELDS)])
    found[at] = kind, flags, stream, block + payload if random.random() < 0.3 else payload + block


@_on_frames
def change_path(found: list[Frame], at: int, random: Random) -> None:
    """Puts something into a `:path` that stands there as a literal."""
    kind, flags, stream, payload = found[at]
    name = payload.find(b":path")
    if name < 0 or name + 6 > len(payload):
        return
    length = payload[name + 5]
    start = name + 6
    value = payload[start : start + length]
    place = random.randrange(len(value) + 1)
    other = (value[:place] + random.choice(_PATHS) + value[place:])[:126]
    found[at] = kind, flags, stream, payload[: name + 5] + bytes((len(other),)) + other + payload[start + length :]


_HPACK: Sequence[bytes] = (
    b"\x82", b"\x84", b"\x80", b"\xbe", b"\xff\xff\xff\xff\xff\x0f", b"\x20", b"\x3f\xe1\x1f", b"\x3f\xff\x7f",
    b"\x40\x01a\x01b", b"\x10\x01a\x01b", b"\x00\x81\xff\x00",
)  # fmt: skip


@_on_frames
def break_block(found: list[Frame], at: int, random: Random) -> None:
    """Something of HPACK in a payload: an index, a size of the table, an integer without end."""
    kind, flags, stream, payload = found[at]
    place = random.randrange(len(payload) + 1)
    odd = random.choice(_HPACK)
    found[at] = kind, flags, stream, payload[:place] + odd + payload[place:]


FRAME_OPERATORS: Sequence[Operator] = (
    change_kind, change_flags, change_stream, duplicate_frame, delete_frame, swap_frames, cut_payload, lengthen_payload,
    insert_odd, insert_odd, add_field, add_field, change_path, change_path, break_block,
    delete_byte, replace_byte, insert_token, delete_span, duplicate_span, truncate,
)  # fmt: skip

"""HTTP/2 as bytes, for what no library would send."""

import hpack

from aegis_proxy.core.h2_connection import Connection
from aegis_proxy.core.h2_events import Event

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes.fromhex("000000040000000000")

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS_, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/public")]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def headers(
    stream: int, fields: list[tuple[bytes, bytes]] = GET, *, ended: bool = True, encoder: hpack.Encoder | None = None
) -> bytes:
    """HEADERS, without entries in the table unless an encoder is given."""
    block = literal(fields) if encoder is None else encoder.encode(fields)
    return frame(HEADERS, END_HEADERS | (END_STREAM if ended else 0), stream, block)


def literal(fields: list[tuple[bytes, bytes]]) -> bytes:
    """RFC 7541 section 6.2.2: literals that are not indexed."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(text: bytes) -> bytes:
    assert len(text) < 127 + 128 * 128
    if len(text) < 127:
        return bytes((len(text),)) + text
    rest = len(text) - 127
    length = bytes((127, rest)) if rest < 128 else bytes((127, rest % 128 + 128, rest // 128))
    return length + text


def rst(stream: int, code: int = 8) -> bytes:
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def window_update(stream: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))


def frames(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """(type, flags, stream, payload) of each."""
    found = []
    while data:
        size = int.from_bytes(data[:3], "big")
        found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + size]))
        assert len(data) >= 9 + size
        data = data[9 + size :]
    return found


def settings(*values: tuple[int, int]) -> bytes:
    return frame(SETTINGS_, 0, 0, b"".join(n.to_bytes(2, "big") + v.to_bytes(4, "big") for n, v in values))


def server() -> Connection:
    """One whose client has sent its SETTINGS, and which has said all it had to."""
    connection = Connection(client=False)
    connection.receive(SETTINGS, 0.0)
    connection.take()
    return connection


def client() -> Connection:
    connection = Connection(client=True)
    connection.receive(SETTINGS, 0.0)
    connection.take()
    return connection


def goaway_of(connection: Connection) -> int | None:
    """The code of the GOAWAY that it sends, if it sends one."""
    codes = [payload[4:8] for kind, _, _, payload in frames(connection.take()) if kind == GOAWAY]
    return int.from_bytes(codes[-1], "big") if codes else None


def resets_of(connection: Connection) -> list[tuple[int, int]]:
    """(stream, code) of each RST_STREAM that it sends."""
    sent = frames(connection.take())
    return [(stream, int.from_bytes(payload, "big")) for kind, _, stream, payload in sent if kind == RST_STREAM]


def names(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]

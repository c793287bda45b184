"""Where WebSocket frames begin and end, and the frame that closes. RFC 6455 sections 5.2, 5.5.1 and 7.4.1.

Nothing is read of the messages themselves: a frame of ours may stand only between two of theirs.
"""

# Close codes (section 7.4.1).
GOING_AWAY = 1001
NOT_ALLOWED = 1008

_LENGTHS = {126: 2, 127: 8}
_CLOSE = 0x88  # FIN and the opcode of a Close frame
_MASKED = 0x80


class Frames:
    """Follows one direction of a WebSocket; `between`: the last byte that came ended a frame, or none came yet."""

    __slots__ = ("_head", "_left")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    @property
    def between(self) -> bool:
        return not self._left and not self._head

    def feed(self, data: bytes) -> None:
        data = self._head + data if self._head else data
        position, size = self._left, len(data)
        while size - position >= 2:
            second = data[position + 1]
            length = second & 0x7F
            start = position + 2
            if length in _LENGTHS:
                start += _LENGTHS[length]
                if start > size:
                    break
                length = int.from_bytes(data[position + 2 : start], "big")
            position = start + length + (4 if second & _MASKED else 0)
        self._left = max(position - size, 0)
        self._head = data[position:]


def close_frame(code: int, mask: bytes = b"") -> bytes:
    """A Close frame. `mask` is four random bytes towards a server, and empty towards a client (section 5.3)."""
    payload = code.to_bytes(2, "big")
    if not mask:
        return bytes((_CLOSE, len(payload))) + payload
    masked = bytes(byte ^ key for byte, key in zip(payload, mask, strict=False))
    return bytes((_CLOSE, _MASKED | len(payload))) + mask + masked

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
        position, size = 0, len(data)
        while position < size:
            if self._left:
                step = min(self._left, size - position)
                self._left -= step
                position += step
                continue
            need = _head_size(self._head)
            take = data[position : position + need - len(self._head)]
            self._head += take
            position += len(take)
            if len(self._head) == need and _head_size(self._head) == need:
                self._left = _payload_size(self._head)
                self._head = b""


def _head_size(head: bytes) -> int:
    """How many bytes the head has that begins so; 2 while only they can tell."""
    if len(head) < 2:
        return 2
    return 2 + _LENGTHS.get(head[1] & 0x7F, 0) + (4 if head[1] & _MASKED else 0)


def _payload_size(head: bytes) -> int:
    short = head[1] & 0x7F
    return int.from_bytes(head[2 : 2 + _LENGTHS[short]], "big") if short in _LENGTHS else short


def close_frame(code: int, mask: bytes = b"") -> bytes:
    """A Close frame. `mask` is four random bytes towards a server, and empty towards a client (section 5.3)."""
    payload = code.to_bytes(2, "big")
    if not mask:
        return bytes((_CLOSE, len(payload))) + payload
    masked = bytes(byte ^ key for byte, key in zip(payload, mask, strict=False))
    return bytes((_CLOSE, _MASKED | len(payload))) + mask + masked

"""Bodies as they pass: decoded strictly, framed anew. RFC 9112 sections 6 and 7.

A decoder takes bytes as they come and gives (payload, rest): the payload to pass on, and, once it is `done`, what
follows the body. Chunk extensions and trailers are read, checked and dropped.
"""

import re

from aegis_proxy.core.fields import BAD, ingress_role, lines_of
from aegis_proxy.core.refusals import BAD_BODY, Refused

LAST_CHUNK = b"0\r\n\r\n"

_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    rb"(?:[ \t]*=[ \t]*(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|\"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*\"))?)*"
)
_MAX_SIZE_LINE = 1024
_MAX_EXTENSIONS = 16 * 1024
_MAX_TRAILERS = 16 * 1024


class LengthDecoder:
    """A body of exactly `length` bytes."""

    __slots__ = ("_left", "done")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data, b""
        size, self._left, self.done = self._left, 0, True
        return data[:size], data[size:]


class UntilCloseDecoder:
    """A response's body that ends when the connection does (RFC 9112 section 6.3, case 8)."""

    __slots__ = ()

    done = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        return data, b""


class ChunkedDecoder:
    """A chunked body (RFC 9112 section 7.1). Raises Refused for what is not exactly one."""

    __slots__ = ("_buffer", "_extensions", "_left", "_trailers", "done")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0  # bytes of chunk data still to come, with the CRLF that ends them
        self._extensions = 0
        self._trailers = False
        self.done = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        data = self._buffer + data if self._buffer else data
        self._buffer = b""
        payload: list[bytes] = []
        position = 0
        while True:
            if self._trailers:
                return b"".join(payload), self._end(data[position:])
            if self._left:
                position = self._data(data, position, payload)
                if self._left:
                    break
                continue
            end = data.find(b"\r\n", position, position + _MAX_SIZE_LINE)
            if end < 0:
                self._wait_for_size(data[position:])
                break
            self._size(data[position:end])
            position = end + 2
        return b"".join(payload), b""

    def _data(self, data: bytes, position: int, payload: list[bytes]) -> int:
        """Takes chunk data and, behind it, its CRLF; gives the position that follows."""
        if self._left > 2:
            piece = data[position : position + self._left - 2]
            payload.append(piece)
            self._left -= len(piece)
            position += len(piece)
        if self._left <= 2:
            tail = data[position : position + self._left]
            if tail != b"\r\n"[2 - self._left : 2 - self._left + len(tail)]:
                raise Refused(BAD_BODY, "chunk data that is not followed by CRLF")
            self._left -= len(tail)
            position += len(tail)
        return position

    def _size(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if not match:
            raise Refused(BAD_BODY, "a chunk size line that is none")
        self._extensions += len(line) - len(match[1])
        if self._extensions > _MAX_EXTENSIONS:
            raise Refused(BAD_BODY, f"chunk extensions over {_MAX_EXTENSIONS} bytes")
        size = int(match[1], 16)
        self._trailers = size == 0
        self._left = size + 2 if size else 0

    def _wait_for_size(self, part: bytes) -> None:
        """An incomplete size line is kept, unless no byte can make it one any more."""
        if len(part) >= _MAX_SIZE_LINE or b"\n" in part or b"\r" in part[:-1]:
            raise Refused(BAD_BODY, "a chunk size line that does not end")
        self._buffer = part

    def _end(self, part: bytes) -> bytes:
        """The trailer section: checked as header fields are, and dropped. Gives what follows the body."""
        if part.startswith(b"\r\n"):
            self.done = True
            return part[2:]
        end = part.find(b"\r\n\r\n")
        if end < 0:
            ends = part.count(b"\r\n")
            bare = part.count(b"\n") != ends or part.count(b"\r") - part.endswith(b"\r") != ends
            if bare or len(part) > _MAX_TRAILERS:
                raise Refused(BAD_BODY, "trailers that do not end")
            self._buffer = part
            return b""
        lines = lines_of(part[:end])
        if lines is None or any(b":" not in line or ingress_role(line.partition(b":")[0]) == BAD for line in lines):
            raise Refused(BAD_BODY, "a trailer that is no header field")
        self.done = True
        return part[end + 4 :]


Decoder = LengthDecoder | ChunkedDecoder | UntilCloseDecoder


def chunk(payload: bytes) -> bytes:
    """`payload`, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)

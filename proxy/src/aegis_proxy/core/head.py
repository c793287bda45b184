"""Collects the head of an HTTP/1 message from the bytes as they come. RFC 9112 section 2.

What cannot become a head any more is refused at the first byte that shows it, so that bytes fed one at a time have the
same result as bytes fed whole.
"""

import re

from aegis_proxy.core.refusals import BAD_REQUEST, BAD_VERSION, HEAD_TOO_LARGE, TARGET_TOO_LONG, Refused

MAX_HEAD = 64 * 1024
MAX_FIELDS = 200
MAX_TARGET = 16 * 1024
# Method, two spaces and version beside the target.
_MAX_LINE = MAX_TARGET + 64

_END = b"\r\n\r\n"
_LONGEST = MAX_HEAD + len(_END)


def take_head(buffer: bytes, start_line: re.Pattern[bytes]) -> tuple[bytes, bytes] | None:
    """Splits `buffer` into (head without its empty line, rest); None while the head is incomplete.

    `start_line` matches a whole legal first line. Raises Refused where no further bytes can make a head of this.
    """
    end = buffer.find(_END, 0, _LONGEST)
    if end >= 0:
        return buffer[:end], buffer[end + 4 :]
    line_end = buffer.find(b"\r\n", 0, _MAX_LINE)
    if line_end >= 0 and not start_line.fullmatch(buffer, 0, line_end):
        raise bad_start_line(buffer[:line_end])
    # Counted, not searched for: this runs for each segment that an unfinished head comes in.
    read = buffer[:_LONGEST]
    ends = read.count(b"\r\n")
    if read.count(b"\n") != ends or read.count(b"\r") - read.endswith(b"\r") != ends:
        raise Refused(BAD_REQUEST, "a CR or LF that ends no line")
    if line_end < 0 and len(buffer) >= _MAX_LINE:
        raise Refused(TARGET_TOO_LONG, f"no end of the first line within {_MAX_LINE} bytes")
    if len(buffer) >= _LONGEST:
        raise Refused(HEAD_TOO_LARGE, f"no end of the header fields within {MAX_HEAD} bytes")
    return None


_VERSION = re.compile(rb"[!-~]+ [!-~]+ HTTP/[0-9]\.[0-9]")


def bad_start_line(line: bytes) -> Refused:
    """Why a first line is refused: another version of HTTP, or no HTTP at all."""
    if _VERSION.fullmatch(line) and not line.endswith((b"HTTP/1.1", b"HTTP/1.0")):
        return Refused(BAD_VERSION, "not HTTP/1.1 or HTTP/1.0")
    return Refused(BAD_REQUEST, "not a start line of HTTP/1.1")

"""Mutation operators on HTTP messages: pure functions of bytes and a random number generator.

Those of HTTP Garden (delete and insert bytes that mean something, duplicate a header, shift a boundary), and what the
literature on request smuggling does by hand. The same seed gives the same mutant, always.
"""

import re
from collections.abc import Callable, Sequence
from random import Random

Operator = Callable[[bytes, Random], bytes]

MEANINGFUL = (b"\r", b"\n", b"\0", b":", b" ", b"\t", b"\r\n", b"\r\n\r\n", b",", b";", b"%", b"/", b"\\", b"#", b"?")
ODD_BYTES = (b"\x0b", b"\x0c", b"\x1f", b"\x7f", b"\x80", b"\x85", b"\xa0", b"\xad", b"\xff", b"_", b"+", b"-", b'"')
LINES = (
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: +5", b"Content-Length: 05", b"Content-Length: 5, 5",
    b"Content-Length : 5", b"Content_Length: 5", b"content-length:5", b"Content-Length:", b"Content-Length: 5\x0b",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding : chunked",
    b"Transfer_Encoding: chunked", b"transfer-encoding:chunked", b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chun\xc5\xbfked", b" Transfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked", b"Connection: close", b"Connection: keep-alive", b"Connection: host",
    b"Connection: content-length, x-aegis-identity", b"Connection: transfer-encoding", b"Connection: upgrade",
    b"Upgrade: websocket", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__", b"Expect: 100-continue", b"Expect: x",
    b"Host: b", b"Host:", b"Host: a, b", b"Host: a:80", b"X-Aegis-Identity: admin", b"X_Aegis_Identity: admin",
    b"Authorization: Bearer x", b"TE: trailers", b"TE: chunked", b"Trailer: X", b"Trailer: Content-Length",
    b"X-HTTP-Method-Override: DELETE", b"X-Original-URL: /admin", b"X-Forwarded-For: 1.2.3.4", b"Keep-Alive: 5",
    b"Proxy-Connection: close", b": v", b"X", b"X-Y:", b"X: \x00", b"X: \xff\x85", b"\tX: y", b"Set-Cookie: a=b",
)  # fmt: skip
TOKENS = (
    b"/..", b"/.", b"//", b"/../admin", b"/%2e%2e/admin", b"%2f", b"%2F", b"%5c", b"%00", b"%0d%0a", b"%25", b"%252e",
    b"%c0%ae", b";x", b"/..;/admin", b"#x", b"?", b"*", b"http://a", b"http://b", b"https://a", b"//a", b"/admin",
    b"/public", b"/raw", b"/healthz", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/0.9", b" HTTP/2.0", b"GET ", b"POST ",
    b"HEAD ", b"OPTIONS ", b"CONNECT ", b"TRACE ", b"get ", b"0\r\n\r\n", b"5\r\nhello\r\n", b"0005", b"5;a=b", b"5;",
    b"0x5", b"-1", b"FFFFFFFFFFFFFFFF", b"1e1", b"00", b"\r\n0\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 x\r\n\r\n",
    b"HTTP/1.1 101 x\r\n", b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\nX: y", b"204", b"304", b"999", b"099",
)  # fmt: skip


def _place(data: bytes, random: Random) -> int:
    return random.randrange(len(data) + 1)


def _span(data: bytes, random: Random, most: int = 24) -> tuple[int, int]:
    start = _place(data, random)
    return start, min(len(data), start + random.randint(1, most))


def _insert(data: bytes, at: int, what: bytes) -> bytes:
    return data[:at] + what + data[at:]


def delete_byte(data: bytes, random: Random) -> bytes:
    at = _place(data, random)
    return data[:at] + data[at + 1 :]


def delete_meaningful(data: bytes, random: Random) -> bytes:
    """Takes away a byte that structure hangs on."""
    places = [match.start() for match in re.finditer(rb"[\r\n: ,;/]", data)]
    at = random.choice(places) if places else 0
    return data[:at] + data[at + 1 :]


def insert_meaningful(data: bytes, random: Random) -> bytes:
    return _insert(data, _place(data, random), random.choice(MEANINGFUL))


def insert_beside_structure(data: bytes, random: Random) -> bytes:
    """Puts an odd byte where lenient parsers trim: around colons, spaces and line ends."""
    places = [match.start() + random.randint(0, 1) for match in re.finditer(rb"[\r\n: ,;]", data)]
    return _insert(data, random.choice(places) if places else 0, random.choice(MEANINGFUL + ODD_BYTES))


def replace_byte(data: bytes, random: Random) -> bytes:
    at = _place(data, random)
    return data[:at] + random.randbytes(1) + data[at + 1 :]


def insert_token(data: bytes, random: Random) -> bytes:
    return _insert(data, _place(data, random), random.choice(TOKENS))


def target_token(data: bytes, random: Random) -> bytes:
    """Puts something into a request's target, or a response's status line."""
    end = data.find(b"\r\n")
    start = data.find(b" ", 0, end)
    at = random.randint(start, max(start, end)) if start >= 0 else 0
    return _insert(data, max(at, 0), random.choice(TOKENS))


def percent_encode(data: bytes, random: Random) -> bytes:
    """Escapes one byte of the first line, in upper or lower case."""
    end = data.find(b"\r\n")
    at = random.randrange(max(1, end if end > 0 else len(data) or 1))
    escaped = b"%%%02x" % data[at] if at < len(data) else b""
    return data[:at] + (escaped.upper() if random.random() < 0.5 else escaped) + data[at + 1 :]


def _lines(data: bytes) -> list[bytes]:
    return data.split(b"\r\n")


def duplicate_line(data: bytes, random: Random) -> bytes:
    lines = _lines(data)
    line = random.choice(lines)
    lines.insert(random.randrange(len(lines) + 1), line)
    return b"\r\n".join(lines)


def delete_line(data: bytes, random: Random) -> bytes:
    lines = _lines(data)
    del lines[random.randrange(len(lines))]
    return b"\r\n".join(lines)


def swap_lines(data: bytes, random: Random) -> bytes:
    lines = _lines(data)
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\r\n".join(lines)


def add_line(data: bytes, random: Random) -> bytes:
    """A header line that decides framing or trust, somewhere after the first line."""
    lines = _lines(data)
    lines.insert(random.randint(1, len(lines)), random.choice(LINES))
    return b"\r\n".join(lines)


def fold_line(data: bytes, random: Random) -> bytes:
    """An obsolete line fold in place of a space, or at the start of a line."""
    places = [match.start() for match in re.finditer(rb"[ \n]", data)]
    at = random.choice(places) if places else 0
    return data[: at + 1] + random.choice((b"\r\n ", b" ", b"\t", b"\r\n\t")) + data[at + 1 :]


def other_line_end(data: bytes, random: Random) -> bytes:
    """One line end of another kind."""
    places = [match.start() for match in re.finditer(rb"\r\n", data)]
    if not places:
        return data
    at = random.choice(places)
    return data[:at] + random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"\r\n ", b"")) + data[at + 2 :]


def shift_boundary(data: bytes, random: Random) -> bytes:
    """Moves the end of a head by some bytes."""
    at = data.find(b"\r\n\r\n")
    if at < 0:
        return data
    rest = data[:at] + data[at + 4 :]
    to = min(len(rest), max(0, at + random.randint(-8, 8)))
    return _insert(rest, to, b"\r\n\r\n")


def change_number(data: bytes, random: Random) -> bytes:
    """Another number in place of one that is there: a length, a chunk's size, a version, a status."""
    numbers = list(re.finditer(rb"[0-9]+", data))
    if not numbers:
        return data
    found = random.choice(numbers)
    number = int(found[0][:15])
    other = random.choice(
        (
            str(number + random.randint(-3, 3)).encode(), b"0" + found[0], b"+" + found[0], b"-" + found[0],
            b"0x%x" % number, found[0] + b"0", b"%x" % number, b"", b"9" * 20, b" " + found[0], found[0] + b" ",
            found[0] + b"_0", b"\xb2",
        )
    )  # fmt: skip
    return data[: found.start()] + other + data[found.end() :]


def flip_case(data: bytes, random: Random) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[start:end].swapcase() + data[end:]


def duplicate_span(data: bytes, random: Random) -> bytes:
    start, end = _span(data, random)
    return _insert(data, _place(data, random), data[start:end])


def delete_span(data: bytes, random: Random) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[end:]


def truncate(data: bytes, random: Random) -> bytes:
    return data[: _place(data, random)]


def repeat(data: bytes, random: Random) -> bytes:
    """The same once more behind it: a pipeline."""
    return data + data[: random.choice((len(data), _place(data, random)))]


OPERATORS: Sequence[Operator] = (
    delete_byte, delete_meaningful, insert_meaningful, insert_beside_structure, replace_byte, insert_token,
    target_token, percent_encode, duplicate_line, delete_line, swap_lines, add_line, fold_line, other_line_end,
    shift_boundary, change_number, flip_case, duplicate_span, delete_span, truncate, repeat,
)  # fmt: skip
MOST = 16 * 1024


def apply(data: bytes, steps: Sequence[tuple[Operator, int]]) -> bytes:
    """The mutant that these operators make one after the other, each with a seed of its own; at most `MOST` bytes."""
    for operator, seed in steps:
        data = operator(data, Random(seed))[:MOST]
    return data


def steps(seed: int, most: int = 4, operators: Sequence[Operator] = OPERATORS) -> list[tuple[Operator, int]]:
    """One to `most` operators, few more often than many."""
    random = Random(seed)
    count = 1 + min(int(random.expovariate(1.0)), most - 1)
    return [(random.choice(operators), random.getrandbits(32)) for _ in range(count)]


def mutant(seeds: Sequence[bytes], seed: int, operators: Sequence[Operator] = OPERATORS) -> bytes:
    """Mutant number `seed` of these messages."""
    return apply(seeds[seed % len(seeds)], steps(seed, operators=operators))

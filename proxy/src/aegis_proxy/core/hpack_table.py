"""What both sides of HPACK remember. RFC 7541 sections 2.3 and 4, and appendix A."""

from collections import deque
from typing import Final, TypeVar

Pair = tuple[bytes, bytes]

# A line is an entry; the first one has the index 1.
_APPENDIX_A = b"""\
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
"""


def _pair(line: bytes) -> Pair:
    name, _, value = line.partition(b" ")
    return name, value


STATIC: Final = tuple(_pair(line) for line in _APPENDIX_A.splitlines())
# We never announce another size (RFC 9113 section 6.5.2), and never use more of a peer's.
MAX_TABLE: Final = 4096

# Both sides repeat themselves: blocks that leave the table as it is come to the same until it changes. That is
# remembered of so many blocks of so many bytes and fields, for each direction of each connection.
_KNOWN: Final = 32
LONGEST_KNOWN: Final = 1024
MOST_KNOWN: Final = 64

K = TypeVar("K")
V = TypeVar("V")


def keep(known: dict[K, V], key: K, value: V) -> None:
    """Remembers one more; when there are too many, all are forgotten."""
    if len(known) >= _KNOWN:
        known.clear()
    known[key] = value


def size_of(pair: Pair) -> int:
    return len(pair[0]) + len(pair[1]) + 32


class DynamicTable:
    """The newest entry comes first. `added` counts all that ever were."""

    __slots__ = ("_size", "added", "entries", "limit")

    def __init__(self) -> None:
        self.entries: deque[Pair] = deque()
        self.limit = MAX_TABLE
        self.added = 0
        self._size = 0

    def add(self, pair: Pair) -> list[Pair]:
        """Gives those that had to leave for it, oldest first. One that is too large empties the table (section 4.4)."""
        self.added += 1
        self._size += size_of(pair)
        self.entries.appendleft(pair)
        return self._shrink()

    def resize(self, limit: int) -> list[Pair]:
        """Gives those that had to leave."""
        self.limit = limit
        return self._shrink()

    def _shrink(self) -> list[Pair]:
        gone = []
        while self._size > self.limit:
            pair = self.entries.pop()
            self._size -= size_of(pair)
            gone.append(pair)
        return gone

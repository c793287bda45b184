"""Takes requests off a stream of bytes, and knows the heads that come again, to the letter or but for their token."""

from collections.abc import Callable
from typing import TypeVar

from aegis_proxy.core.head import take_head
from aegis_proxy.core.request import START_LINE, Request, parse_request

T = TypeVar("T")

# At most 512 heads of at most 4 KiB each, and as many without their tokens, so strangers can fill 4 MiB and what those
# heads are parsed to.
_REMEMBERED = 512
_LONGEST = 4096
# Of how many heads, and of how many sections of fields with their token, it is known that they came once.
_SEEN = 4096
_SECTIONS_SEEN = 512


class RequestReader:
    """`role_of` and `canonical` are those of `request.parse_request`.

    A client's requests are often the same bytes, and those of several clients differ in their tokens alone. What they
    mean follows from the bytes, so it is remembered; who sent them, and whether they may pass, does not: it is judged
    each time.
    """

    def __init__(self, role_of: Callable[[bytes], int], *, canonical: bool) -> None:
        self._role_of = role_of
        self._canonical = canonical
        self._known: dict[bytes, tuple[Request, bytes]] = {}
        self._shapes: dict[bytes, Request] = {}  # by what a head is without its token
        self._seen: set[int] = set()
        self._sections_seen: set[int] = set()

    def take(self, buffer: bytes) -> tuple[Request, bytes] | None:
        """The request whose head `buffer` begins with, and the rest; None while the head is incomplete.

        Raises Refused where no further bytes can make a request of this.
        """
        short = len(buffer) <= _LONGEST
        if short and (known := self._known.get(buffer)) is not None:
            return known
        split = take_head(buffer, START_LINE)
        if split is None:
            return None
        taken = self._read(split[0]), split[1]
        if short and not split[1] and _comes_again(self._seen, _SEEN, buffer):
            _keep(self._known, buffer, (taken[0]._replace(again=True), b""))
        return taken

    def _read(self, head: bytes) -> Request:
        if _comes_again(self._sections_seen, _SECTIONS_SEEN, head[head.find(b"\r\n") :]):
            # A caller with another path each time: its fields are known to the letter, which is cheaper than the cut.
            return parse_request(head, self._role_of, canonical=self._canonical)
        shape, token = without_token(head)
        request = self._shapes.get(shape)
        if request is None:
            request = parse_request(shape, self._role_of, canonical=self._canonical)
            if token and len(shape) <= _LONGEST and _comes_again(self._seen, _SEEN, shape):
                _keep(self._shapes, shape, request)
        return request.with_token(token) if token else request


def _comes_again(seen: set[int], most: int, data: bytes) -> bool:
    """Most heads with a path or an id of their own never do; to keep them would cost more than it saves."""
    fingerprint = hash(data)
    if fingerprint in seen:
        return True
    if len(seen) >= most:
        seen.clear()
    seen.add(fingerprint)
    return False


def _keep(known: dict[bytes, T], head: bytes, value: T) -> None:
    if len(known) >= _REMEMBERED:
        del known[next(iter(known))]
    known[head] = value


_BEARER, _LOWER_BEARER = b"\r\nAuthorization: Bearer ", b"\r\nauthorization: Bearer "
_VISIBLE = bytes(range(0x21, 0x7F))
_CR = ord("\r")


def without_token(head: bytes) -> tuple[bytes, bytes]:
    """(the head with the token of its first bearer line cut out, the token); an empty token where it stays.

    The line itself stays, and what is cut out is visible ASCII to the line's end: the rest reads as it would with it.
    """
    start = head.find(_BEARER)
    if start < 0:
        start = head.find(_LOWER_BEARER)
        if start < 0:
            return head, b""
    start += len(_BEARER)
    end = head.find(_CR, start)
    end = len(head) if end < 0 else end
    token = head[start:end]
    return (head, b"") if token.translate(None, _VISIBLE) else (head[:start] + head[end:], token)

"""Takes requests off a stream of bytes, and knows the heads that come again to the letter."""

from collections.abc import Callable

from aegis_proxy.core.head import take_head
from aegis_proxy.core.request import START_LINE, Request, parse_request

# At most 512 heads of at most 4 KiB each, so strangers can fill 2 MiB and what those heads are parsed to.
_REMEMBERED = 512
_LONGEST = 4096
# Of how many heads it is known that they came once.
_SEEN = 4096


class RequestReader:
    """`role_of` and `canonical` are those of `request.parse_request`.

    A client's requests are often the same bytes. What they mean follows from the bytes alone, so it is remembered; who
    sent them, and whether they may pass, does not, so it is judged each time.
    """

    def __init__(self, role_of: Callable[[bytes], int], *, canonical: bool) -> None:
        self._role_of = role_of
        self._canonical = canonical
        self._known: dict[bytes, tuple[Request, bytes]] = {}
        self._seen: set[int] = set()

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
        taken = parse_request(split[0], self._role_of, canonical=self._canonical), split[1]
        if short and not split[1]:
            self._remember(buffer, taken)
        return taken

    def _remember(self, head: bytes, taken: tuple[Request, bytes]) -> None:
        """Once it comes a second time: most heads with a token or an id of their own never do."""
        fingerprint = hash(head)
        if fingerprint not in self._seen:
            if len(self._seen) >= _SEEN:
                self._seen.clear()
            self._seen.add(fingerprint)
            return
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[head] = taken[0]._replace(again=True), taken[1]

"""Writes HPACK header blocks. RFC 7541 section 6.

Strings are written as they are: Huffman coding saves a fifth of the bytes of a first request, and costs more than
all else.
"""

from typing import Final

from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.hpack_table import LONGEST_KNOWN, MAX_TABLE, STATIC, DynamicTable, Pair, keep, size_of

_STATIC_PAIRS: Final = {pair: bytes((0x80 | index,)) for index, pair in reversed(list(enumerate(STATIC, 1)))}
_STATIC_NAMES: Final = {name: index for index, (name, _) in reversed(list(enumerate(STATIC, 1)))}
# Never indexed (section 7.1.3): no table, here or further on, shall hold what others could find out by guessing.
_SECRET: Final = frozenset({b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"})
# Values that rarely come again: to remember them would only push out others.
_FLEETING: Final = frozenset({b"content-length", b"date", b"grpc-timeout", b"traceparent", b"x-request-id"})

_INDEXED, _WITH_INDEXING, _RESIZED, _WITHOUT_INDEXING, _NEVER_INDEXED = 0x80, 0x40, 0x20, 0x00, 0x10


class Encoder:
    """Remembers as much as the peer allows, and at most MAX_TABLE bytes.

    `_known` holds what came out for sections that neither read nor changed anything but the table as it is.
    """

    def __init__(self) -> None:
        self._table = DynamicTable()
        self._numbers: dict[Pair, int] = {}  # which of all that ever were added
        self._resized: list[int] = []
        self._known: dict[tuple[tuple[Pair, ...], frozenset[bytes]], bytes] = {}

    def resize(self, limit: int) -> None:
        """The peer allows that much; the next block tells it (section 4.2)."""
        limit = min(limit, MAX_TABLE)
        if limit != self._table.limit:
            self._forget(self._table.resize(limit))
            self._known.clear()
            smallest = min([limit, *self._resized])
            self._resized = [limit] if smallest == limit else [smallest, limit]

    def encode(self, fields: Fields, secret: frozenset[bytes] = frozenset()) -> bytes:
        """`secret`: names of fields that came to us as never to be indexed, and go on as such (section 6.2.3)."""
        section = tuple(fields), secret
        block = self._known.get(section)
        if block is None:
            added, resized = self._table.added, self._resized
            block = self._encode(fields, secret)
            if self._table.added != added:
                self._known.clear()
            elif not resized and len(block) <= LONGEST_KNOWN:
                keep(self._known, section, block)
        return block

    def _encode(self, fields: Fields, secret: frozenset[bytes]) -> bytes:
        out = bytearray()
        for limit in self._resized:
            _integer(out, limit, 0x1F, _RESIZED)
        self._resized = []
        for pair in fields:
            name = pair[0]
            if name in _SECRET or name in secret:
                self._literal(out, pair, 0x0F, _NEVER_INDEXED)
                continue
            known = _STATIC_PAIRS.get(pair)
            if known is not None:
                out += known
                continue
            number = self._numbers.get(pair)
            if number is not None:
                _integer(out, len(STATIC) + self._table.added - number, 0x7F, _INDEXED)
            elif name in _FLEETING or size_of(pair) > self._table.limit:
                self._literal(out, pair, 0x0F, _WITHOUT_INDEXING)
            else:
                self._literal(out, pair, 0x3F, _WITH_INDEXING)
                self._numbers[pair] = self._table.added
                self._forget(self._table.add(pair))
        return bytes(out)

    def _literal(self, out: bytearray, pair: Pair, mask: int, pattern: int) -> None:
        name, value = pair
        index = _STATIC_NAMES.get(name, 0)
        _integer(out, index, mask, pattern)
        if not index:
            _integer(out, len(name), 0x7F, 0)
            out += name
        _integer(out, len(value), 0x7F, 0)
        out += value

    def _forget(self, gone: list[Pair]) -> None:
        for pair in gone:
            del self._numbers[pair]


def _integer(out: bytearray, number: int, mask: int, pattern: int) -> None:
    """Section 5.1."""
    if number < mask:
        out.append(pattern | number)
        return
    out.append(pattern | mask)
    number -= mask
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)

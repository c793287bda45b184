"""Reads HPACK header blocks. RFC 7541 sections 3, 5 and 6.

The library hpack was used before: it costs three times as much.
"""

from functools import lru_cache

from aegis_proxy.core import hpack_huffman
from aegis_proxy.core.h2_errors import ConnectionFault
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.h2_frames import COMPRESSION_ERROR, ENHANCE_YOUR_CALM
from aegis_proxy.core.hpack_table import (
    LONGEST_KNOWN,
    MAX_TABLE,
    MOST_KNOWN,
    STATIC,
    DynamicTable,
    Pair,
    keep,
    size_of,
)

# Clients send paths and tokens unindexed, so the same code comes again with each request.
_remembered = lru_cache(maxsize=256)(hpack_huffman.decode)
_LONGEST_REMEMBERED = 4096
# Four bytes are more than any length or index of a block that fits into 64 KiB needs.
_LARGEST_SHIFT = 21


class Decoder:
    """`most` bounds a header list as section 6.5.2 of RFC 9113 counts it.

    `secret` holds the names of the fields of the last block that were never to be indexed (section 6.2.3).
    """

    def __init__(self, most: int) -> None:
        self.secret: frozenset[bytes] = frozenset()
        self._most = most
        self._table = DynamicTable()
        self._known: dict[bytes, tuple[Fields, frozenset[bytes]]] = {}

    def decode(self, block: bytes) -> Fields:
        """Raises ConnectionFault: what comes after cannot be read any more. The fields are not to be changed."""
        known = self._known.get(block)
        if known is None:
            try:
                known, lasting = self._decode(block)
            except IndexError:
                raise _bad("it ends too early, or names an entry that is not there") from None
            if not lasting:
                self._known.clear()
            elif len(block) <= LONGEST_KNOWN and len(known[0]) <= MOST_KNOWN:
                keep(self._known, block, known)
        fields, self.secret = known
        return fields

    def _decode(self, block: bytes) -> tuple[tuple[Fields, frozenset[bytes]], bool]:
        """((fields, secret), whether the table is as it was)."""
        fields: Fields = []
        lasting = True
        secret: set[bytes] = set()
        at, end, left = 0, len(block), self._most
        while at < end:
            first = block[at]
            if first & 0x80:
                index, at = _integer(block, at, 0x7F)
                pair = self._entry(index)
            elif first & 0x40:
                pair, at = self._literal(block, at, 0x3F)
                self._table.add(pair)
                lasting = False
            elif first & 0x20:
                limit, at = _integer(block, at, 0x1F)
                if fields or limit > MAX_TABLE:
                    raise _bad("a table size where none may be, or too large")
                self._table.resize(limit)
                lasting = False
                continue
            else:
                pair, at = self._literal(block, at, 0x0F)
                if first & 0x10:
                    secret.add(pair[0])
            left -= size_of(pair)
            if left < 0:
                raise ConnectionFault(ENHANCE_YOUR_CALM, f"a header list over {self._most} bytes")
            fields.append(pair)
        return (fields, frozenset(secret)), lasting

    def _entry(self, index: int) -> Pair:
        if 0 < index <= len(STATIC):
            return STATIC[index - 1]
        if index == 0:
            raise _bad("index 0")
        return self._table.entries[index - len(STATIC) - 1]

    def _literal(self, block: bytes, at: int, mask: int) -> tuple[Pair, int]:
        index, at = _integer(block, at, mask)
        if index:
            name = self._entry(index)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        return (name, value), at


def _bad(detail: str) -> ConnectionFault:
    return ConnectionFault(COMPRESSION_ERROR, f"no header block: {detail}")


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """(number, position behind it). Section 5.1."""
    number = block[at] & mask
    at += 1
    if number < mask:
        return number, at
    shift = 0
    while True:
        byte = block[at]
        at += 1
        number += (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > _LARGEST_SHIFT:
            raise _bad("a number that is too long")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """(string, position behind it). Section 5.2."""
    huffman = block[at] & 0x80
    length, at = _integer(block, at, 0x7F)
    end = at + length
    if end > len(block):
        raise _bad("a string that is cut")
    raw = block[at:end]
    if huffman:
        raw = _remembered(raw) if length <= _LONGEST_REMEMBERED else hpack_huffman.decode(raw)
    return raw, end

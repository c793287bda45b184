"""Reads strings in HPACK's Huffman code. RFC 7541 section 5.2 and appendix B."""

from typing import Final

from aegis_proxy.core.h2_errors import ConnectionFault
from aegis_proxy.core.h2_frames import COMPRESSION_ERROR

# Appendix B: how many bits the code of each symbol has, 256 being EOS. The code is canonical, so they say all of it.
_LENGTHS: Final = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c"
    "060a0a0c0d06080b0a0a080b080606060505050606060606060607080f060c0a"
    "0d06070707070707070707070707070707070707070707070807080d130d0e06"
    "0f05060506050606060507070606060506070605050607070707070f0b0e0d1c"
    "1416141416161617161717171717181718181617181717171715161716171718"
    "1615141616171715171616181516171715151615171617171416161617161617"
    "1a1a1413161716191a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b"
    "14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a"
    "1e"
)
_EOS: Final = 256


def _tree() -> list[list[int]]:
    """Nodes, the root first. A child is the number of a node, or ~symbol."""
    nodes = [[0, 0]]
    code, length = 0, 0
    for bits, symbol in sorted((bits, symbol) for symbol, bits in enumerate(_LENGTHS)):
        code <<= bits - length
        length = bits
        node = 0
        for at in range(bits - 1, 0, -1):
            side = code >> at & 1
            if not nodes[node][side]:
                nodes.append([0, 0])
                nodes[node][side] = len(nodes) - 1
            node = nodes[node][side]
        nodes[node][code & 1] = ~symbol
        code += 1
    return nodes


def _steps(nodes: list[list[int]]) -> list[tuple[int, bytes]]:
    """At 16 * node + four bits: where these lead to (16 * node), and the symbol that ends on the way."""
    lost = len(nodes)  # EOS is no symbol of a string
    steps = []
    for start in range(len(nodes)):
        for bits in range(16):
            node, symbol = start, b""
            for at in (3, 2, 1, 0):
                node = nodes[node][bits >> at & 1]
                if node == ~_EOS:
                    node = lost
                    break
                if node < 0:
                    node, symbol = 0, bytes((~node,))
            steps.append((16 * node, symbol))
    return steps + 16 * [(16 * lost, b"")]


def _ends(nodes: list[list[int]]) -> frozenset[int]:
    """Where a string may end: after at most seven bits of padding, which are the first ones of EOS."""
    ends, node = [0], 0
    for _ in range(7):
        node = nodes[node][1]
        ends.append(16 * node)
    return frozenset(ends)


_NODES = _tree()
_STEPS: Final = _steps(_NODES)
_ENDS: Final = _ends(_NODES)


def decode(data: bytes) -> bytes:
    """Raises ConnectionFault for EOS within, and for padding that is too long or not all ones."""
    at, pieces = 0, []
    for byte in data:
        at, first = _STEPS[at + (byte >> 4)]
        at, second = _STEPS[at + (byte & 15)]
        pieces.append(first + second)
    if at not in _ENDS:
        raise ConnectionFault(COMPRESSION_ERROR, "no header block: a string with EOS or with bad padding")
    return b"".join(pieces)

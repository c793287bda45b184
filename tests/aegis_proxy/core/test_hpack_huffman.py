import pytest
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.h2_errors import ConnectionFault
from aegis_proxy.core.h2_frames import COMPRESSION_ERROR
from aegis_proxy.core.hpack_huffman import decode

EOS = 256


def code(*symbols: int, padding: str = "") -> bytes:
    """The codes of these symbols, by the tables of another implementation; no padding: ones up to the next byte."""
    bits = "".join(format(REQUEST_CODES[each], f"0{REQUEST_CODES_LENGTH[each]}b") for each in symbols) + padding
    if not padding:
        bits += "1" * (-len(bits) % 8)
    assert len(bits) % 8 == 0
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


@given(st.binary(max_size=300))
def test_every_string_has_one_code(text: bytes) -> None:
    """RFC 7541 appendix B."""
    assert decode(code(*text)) == text


def test_each_symbol_of_the_table() -> None:
    """Alone, and between others: from every place within a byte."""
    for symbol in range(256):
        for before in range(8):
            text = b"0" * before + bytes((symbol,)) + b"0"
            assert decode(code(*text)) == text


BAD = {
    "eos": code(EOS),
    "eos-behind-a-symbol": code(ord("a"), EOS),
    "eos-and-more": code(EOS, ord("a")),
    "padding-of-zeros": code(ord("0"), padding="000"),
    "padding-with-a-zero": code(ord("0"), padding="110"),
    "padding-of-a-byte": code(ord("0"), padding="1" * 11),
    "padding-alone": b"\xff",
    "cut-symbol": b"\xfe",
    "cut-long-symbol": b"\xff\xff\xff",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_is_no_string(data: bytes) -> None:
    """Section 5.2: EOS, padding of over seven bits, and padding that is not all ones are errors."""
    with pytest.raises(ConnectionFault) as caught:
        decode(data)
    assert caught.value.code == COMPRESSION_ERROR


def test_padding_of_seven_bits_is_the_longest() -> None:
    """And of none the shortest."""
    assert decode(b"") == b""
    assert decode(code(ord("0"), padding="111")) == b"0"
    assert decode(code(*b"00000000")) == b"00000000"
    assert decode(code(*b"00000", padding="1" * 7)) == b"00000"

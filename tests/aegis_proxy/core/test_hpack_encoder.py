import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.hpack_decoder import Decoder
from aegis_proxy.core.hpack_encoder import Encoder

REQUEST: Fields = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/shop.Orders/Get"),
    (b"x-own", b"1"),
]


def test_what_comes_again_is_an_index() -> None:
    """A byte for each field."""
    encoder = Encoder()
    assert len(encoder.encode(REQUEST)) > 20
    assert encoder.encode(REQUEST) == bytes((0x83, 0x86, 0xBF, 0xBE))


@pytest.mark.parametrize("name", [b"authorization", b"cookie", b"proxy-authorization", b"set-cookie", b"x-told"])
def test_secrets_are_never_indexed(name: bytes) -> None:
    """Each time as a literal that nobody further on may index (RFC 7541 sections 6.2.3 and 7.1.3)."""
    encoder, decoder, oracle = Encoder(), Decoder(1 << 20), hpack.Decoder()
    for _ in range(2):
        block = encoder.encode([(name, b"secret")], frozenset({b"x-told"}))
        assert b"secret" in block
        assert decoder.decode(block) == [(name, b"secret")]
        assert decoder.secret == {name}
        (pair,) = oracle.decode(block, raw=True)
        assert isinstance(pair, hpack.NeverIndexedHeaderTuple)


def test_fleeting_values_are_not_remembered() -> None:
    """Nor what is larger than the table."""
    encoder = Encoder()
    fields = [(b"content-length", b"5"), (b"grpc-timeout", b"1S"), (b"x-large", b"v" * 5000)]
    assert encoder.encode(fields) == encoder.encode(fields)
    assert Decoder(1 << 20).decode(encoder.encode(fields)) == fields


def test_a_smaller_table_is_told_and_obeyed() -> None:
    """The smallest size that was in force and the last one, in the next block (section 4.2); never more than ours."""
    encoder = Encoder()
    encoder.encode([(b"x", b"y")])
    for limit in (300, 0, 200, 100_000, 100_000):
        encoder.resize(limit)
    block = encoder.encode([(b"x", b"y")])
    assert block.startswith(b"\x20\x3f\xe1\x1f\x40")
    assert encoder.encode([(b"x", b"y")]) == b"\xbe"
    encoder.resize(31)
    assert encoder.encode([(b"x", b"y")]) == b"\x3f\x00\x00\x01x\x01y"


def test_what_is_remembered_of_sections_is_bounded() -> None:
    """And ends with the table that it was made for."""
    encoder = Encoder()
    for number in range(100):
        encoder.encode([(b"date", b"%d" % number)])
    assert 0 < len(encoder._known) <= 32
    encoder.encode([(b"x", b"y")])
    assert encoder._known == {}
    encoder.encode([(b"date", b"x" * 2000)])
    assert encoder._known == {}
    encoder.encode([(b"x", b"y")])
    assert len(encoder._known) == 1
    encoder.resize(0)
    assert encoder._known == {}


PAIRS = st.tuples(
    st.one_of(st.sampled_from([b":path", b"cookie", b"x-a", b"date"]), st.binary(max_size=20)),
    st.one_of(st.sampled_from([b"", b"/", b"x" * 700, b"y" * 3000, b"z" * 9000]), st.binary(max_size=40)),
)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.lists(PAIRS, max_size=8), st.sampled_from([4096, 4096, 300, 0, 9999])), max_size=10))
def test_what_is_written_is_read_by_another_implementation(blocks: list[tuple[Fields, int]]) -> None:
    """And by our own, block after block, as the tables change."""
    encoder, theirs, ours = Encoder(), hpack.Decoder(1 << 20), Decoder(1 << 20)
    for fields, limit in blocks:
        encoder.resize(limit)
        for _ in range(3):  # by then most of it leaves the table as it is
            block = encoder.encode(fields)
            assert [tuple(pair) for pair in theirs.decode(block, raw=True)] == fields
            assert ours.decode(block) == fields

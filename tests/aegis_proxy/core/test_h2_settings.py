import pytest

from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core.h2_errors import ConnectionFault
from aegis_proxy.core.h2_settings import PeerSettings


def payload(*values: tuple[int, int]) -> bytes:
    return b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in values)


def test_the_last_of_each_value_counts() -> None:
    """Known ones are taken, unknown ones are passed over."""
    peer = PeerSettings()
    assert (peer.table, peer.streams, peer.window, peer.frame) == (4096, h2.LARGEST, 65_535, 16_384)
    values = [(1, 100_000), (2, 0), (3, 5), (3, 7), (4, h2.LARGEST), (5, 20_000), (6, 1), (0xABCD, 9)]
    peer.take(payload(*values), from_server=True)
    assert (peer.table, peer.streams, peer.window, peer.frame) == (100_000, 7, h2.LARGEST, 20_000)
    peer.take(payload((1, 0), (2, 1)), from_server=False)
    assert (peer.table, peer.streams) == (0, 7)


@pytest.mark.parametrize(
    ("value", "from_server", "code"),
    [
        ((2, 2), False, h2.PROTOCOL_ERROR),
        ((2, 1), True, h2.PROTOCOL_ERROR),
        ((4, 1 << 31), False, h2.FLOW_CONTROL_ERROR),
        ((5, 16_383), False, h2.PROTOCOL_ERROR),
        ((5, 1 << 24), False, h2.PROTOCOL_ERROR),
    ],
)
def test_values_out_of_range_are_connection_errors(value: tuple[int, int], from_server: bool, code: int) -> None:
    """RFC 9113 section 6.5.2 says with which code."""
    with pytest.raises(ConnectionFault) as caught:
        PeerSettings().take(payload(value), from_server=from_server)
    assert caught.value.code == code


def test_a_cut_value_is_a_frame_size_error() -> None:
    """RFC 9113 section 6.5."""
    with pytest.raises(ConnectionFault) as caught:
        PeerSettings().take(b"\0\1\0\0\0", from_server=False)
    assert caught.value.code == h2.FRAME_SIZE_ERROR

from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.websocket import GOING_AWAY, NOT_ALLOWED, Frames, close_frame


def frame(payload: bytes, mask: bytes = b"") -> bytes:
    """A binary frame, with the shortest length field that does."""
    size = len(payload)
    masked = 0x80 if mask else 0
    if size < 126:
        head = bytes((0x82, masked | size))
    elif size < 1 << 16:
        head = bytes((0x82, masked | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x82, masked | 127)) + size.to_bytes(8, "big")
    return head + mask + payload


frames = st.builds(
    frame,
    st.sampled_from([0, 1, 125, 126, 127, 300, 65535, 65536]).map(bytes),
    st.sampled_from([b"", b"mask"]),
)


@given(st.lists(frames, max_size=3), st.lists(st.integers(1, 40000), min_size=1, max_size=5))
def test_frames_are_followed_whatever_the_pieces_they_come_in(sent: list[bytes], steps: list[int]) -> None:
    """`between` is true exactly at their ends."""
    whole = b"".join(sent)
    ends = {0}
    for each in sent:
        ends.add(max(ends) + len(each))
    follower, position = Frames(), 0
    for step in [*steps, len(whole)]:
        follower.feed(whole[position : position + step])
        position = min(position + step, len(whole))
        assert follower.between is (position in ends)
    assert follower.between


def test_byte_by_byte() -> None:
    """Heads, too, may come in pieces."""
    follower = Frames()
    seen = []
    for byte in frame(bytes(300), b"mask") + frame(b""):
        follower.feed(bytes((byte,)))
        seen.append(follower.between)
    assert [index for index, between in enumerate(seen) if between] == [307, 309]


def test_the_frame_that_closes() -> None:
    """RFC 6455 section 5.5.1: the code, and towards a server masked."""
    assert close_frame(NOT_ALLOWED) == b"\x88\x02\x03\xf0"
    assert close_frame(GOING_AWAY, b"\xff\xff\xff\xff") == b"\x88\x82\xff\xff\xff\xff\xfc\x16"
    follower = Frames()
    follower.feed(close_frame(GOING_AWAY, b"mask"))
    assert follower.between

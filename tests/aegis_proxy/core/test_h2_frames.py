from typing import Any

import hyperframe.frame as theirs
import pytest

from aegis_proxy.core import h2_frames as h2
from support.h2_wire import frames


def parsed(data: bytes) -> Any:
    frame, size = theirs.Frame.parse_frame_header(memoryview(data[:9]))
    assert len(data) == 9 + size
    frame.parse_body(memoryview(data[9:]))
    return frame


def test_another_implementation_reads_our_frames() -> None:
    """Each frame says to hyperframe what it was made of."""
    settings = parsed(h2.settings([(h2.INITIAL_WINDOW_SIZE, 7), (h2.MAX_FRAME_SIZE, 20_000)]))
    assert settings.settings == {h2.INITIAL_WINDOW_SIZE: 7, h2.MAX_FRAME_SIZE: 20_000}
    update = parsed(h2.window_update(5, 99))
    assert (update.stream_id, update.window_increment) == (5, 99)
    reset = parsed(h2.rst_stream(7, h2.CANCEL))
    assert (reset.stream_id, reset.error_code) == (7, h2.CANCEL)
    goaway = parsed(h2.goaway(9, h2.ENHANCE_YOUR_CALM))
    assert (goaway.last_stream_id, goaway.error_code) == (9, h2.ENHANCE_YOUR_CALM)
    data = parsed(h2.frame(h2.DATA, h2.END_STREAM, 3, b"x" * 70_000))
    assert (data.data, data.flags) == (b"x" * 70_000, {"END_STREAM"})


@pytest.mark.parametrize(
    ("size", "kinds"), [(0, [1]), (10, [1]), (11, [1, 9]), (20, [1, 9]), (21, [1, 9, 9]), (35, [1, 9, 9, 9])]
)
@pytest.mark.parametrize("ended", [True, False])
def test_a_header_block_takes_as_many_frames_as_it_needs(size: int, kinds: list[int], ended: bool) -> None:
    """HEADERS says if the stream ends, the last frame alone that the block does."""
    block = bytes(range(size))
    sent = frames(h2.header_block(3, block, 10, ended=ended))
    assert [kind for kind, _, _, _ in sent] == kinds
    assert b"".join(payload for _, _, _, payload in sent) == block
    assert {stream for _, _, stream, _ in sent} == {3}
    assert [bool(flags & h2.END_HEADERS) for _, flags, _, _ in sent] == [False] * (len(sent) - 1) + [True]
    assert [bool(flags & h2.END_STREAM) for _, flags, _, _ in sent] == [ended] + [False] * (len(sent) - 1)


def test_the_first_bytes_of_a_server_are_known() -> None:
    """SETTINGS of the connection (RFC 9113 section 3.4), with or without values; nothing that HTTP/1.1 begins with."""
    assert h2.begins_with_settings(h2.settings([]))
    assert h2.begins_with_settings(h2.settings([(h2.MAX_FRAME_SIZE, 20_000)])[:9])
    acknowledgement = h2.frame(h2.SETTINGS, h2.ACK, 0, b"")
    for other in (b"HTTP/1.1 200 OK\r\n\r\n", b"", h2.settings([])[:8], h2.goaway(0, 0), acknowledgement):
        assert not h2.begins_with_settings(other)

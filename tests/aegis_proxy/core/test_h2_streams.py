import pytest

from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core.h2_errors import ConnectionFault, StreamFault
from aegis_proxy.core.h2_streams import Stream, Streams


def of_client(*numbers: int) -> Streams:
    """The server's view of these streams, all of them open."""
    streams = Streams(1)
    for number in numbers:
        streams.add(number, Stream(1, 1))
    return streams


def test_streams_are_open_until_they_are_closed() -> None:
    """An open one is found; of one that is over it is known whether we reset it."""
    streams = of_client(1, 3, 5)
    assert len(streams) == len(list(streams)) == 3
    streams.close(1)
    streams.close(3, reset_by_us=True)
    streams.close(3)
    assert streams.get(1) is None
    assert [streams.was_reset_by_us(number) for number in (1, 3, 5, 7)] == [False, True, False, False]
    assert [streams.is_idle(number) for number in (1, 5, 7, 2)] == [False, False, True, True]
    assert (streams.highest_theirs, streams.highest_ours) == (5, 0)


def test_ends_are_remembered_of_so_many_streams() -> None:
    """The memory of streams that are over is bounded."""
    streams = of_client(*range(1, 2051, 2))
    for number in range(1, 2051, 2):
        streams.close(number, reset_by_us=True)
    assert not streams.was_reset_by_us(1)
    assert streams.was_reset_by_us(3)


def test_headers_belong_to_open_or_new_streams() -> None:
    """None for a new stream, and for one that we reset; all others are errors (RFC 9113 section 5.1)."""
    streams = of_client(1, 5, 7, 9)
    assert streams.for_headers(1) is streams.get(1)
    assert streams.for_headers(11) is None
    streams.close(5, reset_by_us=True)
    assert streams.for_headers(5) is None
    streams.close(7)
    for number, code in ((7, h2.STREAM_CLOSED), (3, h2.PROTOCOL_ERROR), (12, h2.PROTOCOL_ERROR)):
        with pytest.raises(ConnectionFault) as caught:
            streams.for_headers(number)
        assert caught.value.code == code
    ended = streams.get(9)
    assert ended is not None
    ended.ended_there = True
    with pytest.raises(StreamFault):
        streams.for_headers(9)


def test_a_server_opens_no_streams() -> None:
    """We take no pushes: a stream that the server opens, and an odd one that we did not, are errors."""
    streams = Streams(0)
    streams.add(1, Stream(1, 1))
    assert (streams.highest_ours, streams.highest_theirs) == (1, 0)
    for number in (2, 3):
        with pytest.raises(ConnectionFault):
            streams.for_headers(number)


def test_data_belongs_to_open_streams() -> None:
    """None for one that we reset, an error of the connection for an idle one, of the stream for one that is over."""
    streams = of_client(1, 3, 5, 7)
    assert streams.for_data(1) is streams.get(1)
    streams.close(3, reset_by_us=True)
    assert streams.for_data(3) is None
    with pytest.raises(ConnectionFault):
        streams.for_data(9)
    streams.close(5)
    with pytest.raises(StreamFault) as over:
        streams.for_data(5)
    ended = streams.get(7)
    assert ended is not None
    ended.ended_there = True
    with pytest.raises(StreamFault) as half_closed:
        streams.for_data(7)
    assert over.value.code == half_closed.value.code == h2.STREAM_CLOSED

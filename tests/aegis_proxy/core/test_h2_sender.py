import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived

from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core.h2_events import Data
from aegis_proxy.core.h2_sender import CONNECTION_WINDOW, MAX_STREAMS, STREAM_WINDOW, Sender
from aegis_proxy.core.h2_streams import Stream
from support import h2_wire as wire


def server(*numbers: int) -> Sender:
    """A server's half, whose client has opened these streams."""
    sender = Sender(client=False)
    sender.take()
    for number in numbers:
        sender.streams.add(number, Stream(h2.DEFAULT_WINDOW, STREAM_WINDOW))
    return sender


def test_greetings_name_the_limits() -> None:
    """A server's SETTINGS bound streams and header lists, a client's forbid pushes; both open their windows."""
    (_, _, _, ours), (kind, _, stream, size) = wire.frames(Sender(client=False).take())
    assert wire.settings((4, STREAM_WINDOW), (6, 65_536), (3, MAX_STREAMS))[9:] == ours
    assert (kind, stream, int.from_bytes(size, "big")) == (h2.WINDOW_UPDATE, 0, CONNECTION_WINDOW - 65_535)
    greeting = Sender(client=True).take()
    assert greeting.startswith(h2.PREFACE)
    assert wire.frames(greeting[24:])[0][3] == wire.settings((4, STREAM_WINDOW), (6, 65_536), (2, 0))[9:]


def test_another_implementation_understands_what_is_sent() -> None:
    """Headers over several frames and a body in pieces arrive at h2 as they were given."""
    sender = Sender(client=True)
    fields = [*wire.GET, *((b"x-%d" % number, b"v" * 1000) for number in range(40))]
    number = sender.open(fields, ended=False)
    sender.send_data(number, b"one", ended=False)
    sender.send_data(number, b"two", ended=True)
    sender.ping()
    assert sender.unsent > 20_000
    theirs = H2Connection(H2Configuration(client_side=False, header_encoding=None))
    theirs.initiate_connection()
    events = theirs.receive_data(sender.take())
    assert sender.unsent == 0
    (request,) = [event for event in events if isinstance(event, RequestReceived)]
    assert [tuple(field) for field in request.headers] == fields
    assert [event.data for event in events if isinstance(event, DataReceived)] == [b"one", b"two"]
    assert sender.open(fields, ended=True) == 3


def test_windows_bound_what_may_be_sent() -> None:
    """By frame, by stream and by connection; never below nothing, even when a window is negative."""
    sender = server(1, 3)
    assert sender.may_send(1) == 16_384
    for _ in range(3):
        sender.send_data(1, b"x" * 16_384, ended=False)
    assert sender.may_send(1) == sender.may_send(3) == 65_535 - 3 * 16_384
    sender.send_data(1, b"x" * 16_383, ended=False)
    assert sender.may_send(3) == 0
    sender.sendable = 100
    assert (sender.may_send(1), sender.may_send(3)) == (0, 100)
    stream = sender.streams.get(3)
    assert stream is not None
    stream.sendable = -5
    assert sender.may_send(3) == 0


def test_nothing_is_sent_on_a_stream_that_is_over() -> None:
    """Its peer may have reset it a moment ago."""
    sender = server(1)
    sender.send_data(1, b"all", ended=True)
    assert len(wire.frames(sender.take())) == 1
    for number in (1, 5):
        assert sender.may_send(number) == 0
        sender.send_data(number, b"more", ended=True)
        sender.send_headers(number, [(b"grpc-status", b"0")], ended=True)
    sender.reset(5, h2.CANCEL)
    assert sender.take() == b""


def test_a_stream_is_over_when_both_sides_ended_it() -> None:
    """In either order."""
    sender = server(1, 3)
    for number in (1, 3):
        stream = sender.streams.get(number)
        assert stream is not None
        if number == 1:
            sender.ends_there(1, stream)
            sender.send_headers(1, [(b":status", b"200")], ended=True)
        else:
            sender.send_headers(3, [(b":status", b"200")], ended=True)
            assert sender.streams.get(3) is stream
            sender.ends_there(3, stream)
        assert sender.streams.get(number) is None


def test_resets_end_a_stream_at_once() -> None:
    """An open one with any code; one that is over only to say so."""
    sender = server(1)
    sender.reset(1, h2.CANCEL)
    sender.reset(1, h2.CANCEL)
    sender.reset(1, h2.STREAM_CLOSED)
    assert wire.resets_of(sender) == [(1, h2.CANCEL), (1, h2.STREAM_CLOSED)]  # type: ignore[arg-type]  # a half does


def test_windows_are_given_back_in_large_pieces() -> None:
    """Of a stream when half is taken, of the connection when a quarter is; not of a stream that will bring no more."""
    sender = server(1, 3)
    ended = sender.streams.get(3)
    assert ended is not None
    ended.ended_there = True
    sender.acknowledge(1, STREAM_WINDOW // 2 - 1)
    sender.acknowledge(3, STREAM_WINDOW)
    assert sender.take() == b""
    sender.acknowledge(1, 1)
    assert sender.take() == wire.window_update(1, STREAM_WINDOW // 2)
    sender.acknowledge(99, CONNECTION_WINDOW)
    assert sender.take() == wire.window_update(0, CONNECTION_WINDOW + 3 * STREAM_WINDOW // 2)


@pytest.mark.parametrize("last", [None, 1])
def test_goaway_names_the_last_stream(last: int | None) -> None:
    """The newest of the client's, unless it is said otherwise."""
    sender = server(1, 3)
    sender.go_away(h2.NO_ERROR, last)
    assert sender.take() == wire.frame(h2.GOAWAY, 0, 0, (last or 3).to_bytes(4, "big") + bytes(4))


def test_there_is_room_for_so_many_streams() -> None:
    """As many as the peer allows, until it takes no more, or the ids are used up."""
    client = wire.client()
    rooms = [client.room]
    client.receive(wire.settings((3, 1)), 0.0)
    number = client.open(wire.GET, ended=True)
    rooms.append(client.room)
    client.receive(wire.headers(number, [(b":status", b"204")]), 0.0)
    rooms.append(client.room)
    client.streams.highest_ours = h2.LARGEST - 2
    rooms.append(client.room)
    client.streams.highest_ours = 1
    client.closing = True
    rooms.append(client.room)
    assert rooms == [True, False, True, False, False]


def test_what_is_sent_is_what_another_connection_of_ours_receives() -> None:
    """Both halves agree."""
    client, server = wire.client(), wire.server()
    number = client.open(wire.GET, ended=False)
    client.send_data(number, b"body", ended=True)
    assert server.receive(client.take(), 0.0)[1:] == [Data(1, b"body", 4, True)]

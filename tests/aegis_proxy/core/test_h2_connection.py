from collections.abc import Callable

import hpack
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core.h2_connection import Connection
from aegis_proxy.core.h2_events import Broken, Data, Event, GoAway, Headers, PingAnswered, Reset, Settled, WindowOpened
from aegis_proxy.core.h2_sender import MAX_STREAMS, STREAM_WINDOW
from support import h2_wire as wire


def receive(connection: Connection, *data: bytes) -> list[Event]:
    return connection.receive(b"".join(data), 0.0)


def breaks(connection: Connection, *data: bytes) -> int:
    """The code with which these bytes break the connection."""
    events = receive(connection, *data)
    assert isinstance(events[-1], Broken), events
    assert wire.goaway_of(connection) == events[-1].code
    assert connection.broken
    assert receive(connection, wire.frame(wire.PING, 0, 0, bytes(8))) == []
    assert connection.take() == b""
    return events[-1].code


def resets(connection: Connection, *data: bytes) -> list[tuple[int, int]]:
    """The streams that these bytes break, with their codes; the connection goes on."""
    events = receive(connection, *data)
    told = [(event.stream, event.code) for event in events if isinstance(event, Reset) and event.ours]
    assert not connection.broken
    assert wire.resets_of(connection) == told
    assert wire.names(receive(connection, wire.headers(201))) == ["Headers"]
    return told


def test_a_request_with_body_and_trailers_is_told_as_it_comes() -> None:
    """Header section, body and trailers are events, with their ends."""
    connection = wire.server()
    events = receive(
        connection,
        wire.headers(1, ended=False),
        wire.frame(wire.DATA, 0, 1, b"ab"),
        wire.headers(1, [(b"x-sum", b"1")]),
        wire.headers(3),
    )
    assert events == [
        Headers(1, wire.GET, False),
        Data(1, b"ab", 2, False),
        Headers(1, [(b"x-sum", b"1")], True),
        Headers(3, wire.GET, True),
    ]
    assert connection.streams.get(1) is not None


def test_bytes_one_by_one_come_to_the_same() -> None:
    """However the bytes are cut, the events and the answers are the same."""
    encoder = hpack.Encoder()
    data = b"".join(
        [
            wire.SETTINGS,
            wire.headers(1, ended=False, encoder=encoder),
            wire.frame(wire.DATA, wire.PADDED | wire.END_STREAM, 1, b"\3abc\0\0\0"),
            wire.frame(wire.PING, 0, 0, b"pingpong"),
            wire.headers(3, encoder=encoder),
        ]
    )
    whole, pieces = Connection(client=False), Connection(client=False)
    events = receive(whole, data)
    assert wire.names(events) == ["Settled", "Headers", "Data", "Headers"]
    assert [event for at in range(len(data)) for event in receive(pieces, data[at : at + 1])] == events
    assert pieces.take() == whole.take()


def test_padding_counts_for_the_windows_and_is_no_payload() -> None:
    """RFC 9113 section 6.1; priority and padding of HEADERS are passed over, too."""
    connection = wire.server()
    block = wire.literal(wire.GET)
    padded = wire.frame(
        wire.HEADERS,
        wire.END_HEADERS | wire.PADDED | wire.WITH_PRIORITY,
        1,
        b"\2" + b"\0\0\0\0\x10" + block + b"\0\0",
    )
    events = receive(connection, padded, wire.frame(wire.DATA, wire.PADDED, 1, b"\2xy\0\0"))
    assert events == [Headers(1, wire.GET, False), Data(1, b"xy", 5, False)]
    stream = connection.streams.get(1)
    assert stream is not None
    assert stream.receivable == STREAM_WINDOW - 5


def test_a_header_section_over_many_frames_is_one() -> None:
    """HEADERS and CONTINUATIONs; meanwhile the connection says that it is within one."""
    connection = wire.server()
    block = wire.literal(wire.GET)
    assert receive(connection, wire.frame(wire.HEADERS, wire.END_STREAM, 1, block[:5])) == []
    assert connection.within_headers
    assert receive(connection, wire.frame(wire.CONTINUATION, 0, 1, block[5:9])) == []
    assert receive(connection, wire.frame(wire.CONTINUATION, wire.END_HEADERS, 1, block[9:])) == [
        Headers(1, wire.GET, True)
    ]
    assert not connection.within_headers


def test_settings_are_acknowledged_and_change_the_windows_of_open_streams() -> None:
    """A window may become negative (h2spec 6.9.2/2): nothing is sent until it is open again."""
    connection = Connection(client=False)
    connection.take()
    assert receive(connection, wire.SETTINGS, wire.headers(1)) == [Settled(), Headers(1, wire.GET, True)]
    assert connection.settled
    connection.send_data(1, b"x" * 100, ended=False)
    assert receive(connection, wire.settings((4, 30))) == [WindowOpened(0)]
    assert connection.may_send(1) == 0
    assert receive(connection, wire.window_update(1, 70)) == [WindowOpened(1)]
    assert connection.may_send(1) == 0
    assert receive(connection, wire.window_update(1, 1), wire.settings((1, 0))) == [WindowOpened(1), WindowOpened(0)]
    assert connection.may_send(1) == 1
    sent = wire.frames(connection.take())
    assert [(kind, flags) for kind, flags, _, _ in sent if kind == wire.SETTINGS_] == [(4, wire.ACK)] * 3
    connection.send_headers(1, [(b":status", b"200")], ended=False)
    assert connection.take()[9:10] == b"\x20"  # the table has shrunk to nothing


def test_pings_are_answered_and_answers_are_told() -> None:
    """The answer holds the same eight bytes."""
    connection = wire.server()
    ack = wire.frame(wire.PING, wire.ACK, 0, bytes(8))
    assert receive(connection, wire.frame(wire.PING, 0, 0, b"12345678"), ack) == [PingAnswered()]
    assert connection.take() == wire.frame(wire.PING, wire.ACK, 0, b"12345678")


def test_what_does_not_matter_is_passed_over() -> None:
    """Priorities, unknown frames and settings, acknowledgements, and windows of streams that are over."""
    connection = wire.server()
    assert wire.names(receive(connection, wire.headers(1), wire.rst(1))) == ["Headers", "Reset"]
    ignored = [
        wire.frame(wire.PRIORITY, 0, 1, bytes(5)),
        wire.frame(wire.PRIORITY, 0, 9, bytes(5)),
        wire.frame(0xEE, 0xFF, 1, b"whatever"),
        wire.frame(wire.SETTINGS_, wire.ACK, 0),
        wire.window_update(1, 1),
        wire.window_update(1, 0),
        wire.rst(1),
    ]
    assert receive(connection, *ignored) == []
    assert connection.take() == b""


def test_goaway_is_told_and_open_streams_go_on() -> None:
    """A peer that drains still finishes what it has."""
    connection = wire.client()
    number = connection.open(wire.GET, ended=True)
    goaway = wire.frame(wire.GOAWAY, 0, 0, (1).to_bytes(4, "big") + bytes(4) + b"bye")
    assert receive(connection, goaway) == [GoAway(1, 0)]
    assert not connection.room
    assert receive(connection, wire.headers(number, [(b":status", b"200")])) == [
        Headers(1, [(b":status", b"200")], True)
    ]


def test_interim_responses_come_before_the_final_one() -> None:
    """A client takes any number of 1xx, then the response, then trailers."""
    connection = wire.client()
    number = connection.open(wire.GET, ended=True)
    early, final, last = [(b":status", b"103")], [(b":status", b"200")], [(b"grpc-status", b"0")]
    events = receive(
        connection,
        wire.headers(number, early, ended=False),
        wire.headers(number, early, ended=False),
        wire.headers(number, final, ended=False),
        wire.headers(number, last),
    )
    assert [event.fields for event in events if isinstance(event, Headers)] == [early, early, final, last]
    assert connection.streams.get(number) is None


OPEN = wire.headers(1, ended=False)
BROKEN = {
    "first-frame-is-no-settings": (b"", wire.frame(wire.PING, 0, 0, bytes(8)), h2.PROTOCOL_ERROR),
    "first-frame-is-an-ack": (b"", wire.frame(wire.SETTINGS_, wire.ACK, 0), h2.PROTOCOL_ERROR),
    "frame-too-large": (wire.SETTINGS, wire.frame(wire.DATA, 0, 1, bytes(16_385))[:9], h2.FRAME_SIZE_ERROR),
    "data-of-no-stream": (wire.SETTINGS, wire.frame(wire.DATA, 0, 0, b"x"), h2.PROTOCOL_ERROR),
    "data-of-an-idle-stream": (wire.SETTINGS, wire.frame(wire.DATA, 0, 1, b"x"), h2.PROTOCOL_ERROR),
    "data-without-its-padding": (wire.SETTINGS + OPEN, wire.frame(wire.DATA, wire.PADDED, 1), h2.PROTOCOL_ERROR),
    "data-all-padding": (wire.SETTINGS + OPEN, wire.frame(wire.DATA, wire.PADDED, 1, b"\2a"), h2.PROTOCOL_ERROR),
    "headers-of-no-stream": (wire.SETTINGS, wire.headers(0), h2.PROTOCOL_ERROR),
    "headers-of-an-even-stream": (wire.SETTINGS, wire.headers(2), h2.PROTOCOL_ERROR),
    "headers-of-a-lower-stream": (wire.SETTINGS, wire.headers(5) + wire.headers(3), h2.PROTOCOL_ERROR),
    "headers-padded-to-nothing": (
        wire.SETTINGS,
        wire.frame(wire.HEADERS, wire.PADDED | wire.END_HEADERS, 1, b"\5abcd"),
        h2.PROTOCOL_ERROR,
    ),
    "headers-short-of-their-priority": (
        wire.SETTINGS,
        wire.frame(wire.HEADERS, wire.WITH_PRIORITY | wire.END_HEADERS, 1, b"\0\0\0\0"),
        h2.FRAME_SIZE_ERROR,
    ),
    "bad-hpack": (wire.SETTINGS, wire.frame(wire.HEADERS, wire.END_HEADERS, 1, b"\xff\xff"), h2.COMPRESSION_ERROR),
    "within-headers-another-frame": (
        wire.SETTINGS,
        wire.frame(wire.HEADERS, 0, 1, b"") + wire.frame(wire.PING, 0, 0, bytes(8)),
        h2.PROTOCOL_ERROR,
    ),
    "within-headers-another-stream": (
        wire.SETTINGS,
        wire.frame(wire.HEADERS, 0, 1, b"") + wire.frame(wire.CONTINUATION, 4, 3, b""),
        h2.PROTOCOL_ERROR,
    ),
    "continuation-of-nothing": (wire.SETTINGS, wire.frame(wire.CONTINUATION, 4, 1, b""), h2.PROTOCOL_ERROR),
    "priority-of-no-stream": (wire.SETTINGS, wire.frame(wire.PRIORITY, 0, 0, bytes(5)), h2.PROTOCOL_ERROR),
    "priority-of-a-wrong-size": (wire.SETTINGS, wire.frame(wire.PRIORITY, 0, 1, bytes(4)), h2.FRAME_SIZE_ERROR),
    "reset-of-no-stream": (wire.SETTINGS, wire.rst(0), h2.PROTOCOL_ERROR),
    "reset-of-an-idle-stream": (wire.SETTINGS, wire.rst(1), h2.PROTOCOL_ERROR),
    "reset-of-a-wrong-size": (wire.SETTINGS + OPEN, wire.frame(wire.RST_STREAM, 0, 1, b"abc"), h2.FRAME_SIZE_ERROR),
    "push": (wire.SETTINGS + OPEN, wire.frame(wire.PUSH_PROMISE, 4, 1, bytes(4)), h2.PROTOCOL_ERROR),
    "settings-of-a-stream": (wire.SETTINGS, wire.frame(wire.SETTINGS_, 0, 1), h2.PROTOCOL_ERROR),
    "settings-cut": (wire.SETTINGS, wire.frame(wire.SETTINGS_, 0, 0, b"abc"), h2.FRAME_SIZE_ERROR),
    "ack-with-values": (wire.SETTINGS, wire.frame(wire.SETTINGS_, wire.ACK, 0, bytes(6)), h2.FRAME_SIZE_ERROR),
    "ping-of-a-stream": (wire.SETTINGS, wire.frame(wire.PING, 0, 1, bytes(8)), h2.PROTOCOL_ERROR),
    "ping-of-a-wrong-size": (wire.SETTINGS, wire.frame(wire.PING, 0, 0, bytes(7)), h2.FRAME_SIZE_ERROR),
    "goaway-of-a-wrong-size": (wire.SETTINGS, wire.frame(wire.GOAWAY, 0, 0, bytes(7)), h2.FRAME_SIZE_ERROR),
    "window-of-a-wrong-size": (wire.SETTINGS, wire.frame(wire.WINDOW_UPDATE, 0, 0, b"abc"), h2.FRAME_SIZE_ERROR),
    "window-of-an-idle-stream": (wire.SETTINGS, wire.window_update(1, 1), h2.PROTOCOL_ERROR),
    "window-by-nothing": (wire.SETTINGS, wire.window_update(0, 0), h2.PROTOCOL_ERROR),
    "window-too-large": (wire.SETTINGS, wire.window_update(0, (1 << 31) - 1), h2.FLOW_CONTROL_ERROR),
    "window-too-large-by-settings": (
        wire.SETTINGS + OPEN + wire.window_update(1, 1 << 30),
        wire.settings((4, (1 << 31) - 1)),
        h2.FLOW_CONTROL_ERROR,
    ),
}


@pytest.mark.parametrize(("before", "data", "code"), BROKEN.values(), ids=BROKEN)
def test_what_breaks_a_connection(before: bytes, data: bytes, code: int) -> None:
    """A GOAWAY with the code that RFC 9113 names, and nothing that follows is looked at."""
    connection = Connection(client=False)
    receive(connection, before)
    connection.take()
    assert breaks(connection, data) == code


def test_headers_on_a_stream_that_is_over_break_the_connection() -> None:
    """RFC 9113 section 5.1: STREAM_CLOSED."""
    connection = wire.server()
    receive(connection, wire.headers(1))
    connection.send_headers(1, [(b":status", b"200")], ended=True)
    connection.take()
    assert breaks(connection, wire.headers(1)) == h2.STREAM_CLOSED


def test_more_data_than_the_connections_window_breaks_it() -> None:
    """Nobody has to hold more than was offered."""
    connection = wire.server()
    connection.receivable = 10
    assert breaks(connection, OPEN, wire.frame(wire.DATA, 0, 1, bytes(11))) == h2.FLOW_CONTROL_ERROR


STREAM = {
    "data-after-the-end": (
        wire.headers(1) + wire.frame(wire.DATA, 0, 1, b"x"),
        [(1, h2.STREAM_CLOSED)],
    ),
    "data-after-a-reset": (OPEN + wire.rst(1) + wire.frame(wire.DATA, 0, 1, b"x"), [(1, h2.STREAM_CLOSED)]),
    "headers-after-the-end": (wire.headers(1) + wire.headers(1), [(1, h2.STREAM_CLOSED)]),
    "trailers-that-do-not-end": (OPEN + OPEN, [(1, h2.PROTOCOL_ERROR)]),
    "window-by-nothing": (OPEN + wire.window_update(1, 0), [(1, h2.PROTOCOL_ERROR)]),
    "window-too-large": (OPEN + wire.window_update(1, (1 << 31) - 1), [(1, h2.FLOW_CONTROL_ERROR)]),
    "priority-of-a-wrong-size": (OPEN + wire.frame(wire.PRIORITY, 0, 1, b""), [(1, h2.FRAME_SIZE_ERROR)]),
}


@pytest.mark.parametrize(("data", "expected"), STREAM.values(), ids=STREAM)
def test_what_breaks_a_stream(data: bytes, expected: list[tuple[int, int]]) -> None:
    """An RST_STREAM with the code that RFC 9113 names, and the other streams go on."""
    assert resets(wire.server(), data) == expected


def test_a_stream_takes_no_more_than_its_window() -> None:
    """More is an error of the stream; the connection gets back what was thrown away."""
    connection = wire.server()
    data = [wire.frame(wire.DATA, 0, 1, bytes(16_384))] * (STREAM_WINDOW // 16_384)
    receive(connection, OPEN, *data)
    left = connection.receivable
    assert resets(connection, wire.frame(wire.DATA, 0, 1, b"x")) == [(1, h2.FLOW_CONTROL_ERROR)]
    assert connection.receivable == left - 1


def test_frames_on_their_way_when_a_stream_was_reset_are_passed_over() -> None:
    """The header table is kept up with, and the connection's window."""
    connection = wire.server()
    encoder = hpack.Encoder()
    receive(connection, wire.headers(1, ended=False, encoder=encoder))
    connection.reset(1, h2.CANCEL)
    extra = [(b"x-trailer", b"1")]
    late = [wire.frame(wire.DATA, 0, 1, b"late"), wire.headers(1, extra, encoder=encoder)]
    assert receive(connection, *late, wire.headers(3, extra + wire.GET, encoder=encoder)) == [
        Headers(3, extra + wire.GET, True)
    ]


def test_streams_over_the_limit_are_refused_singly() -> None:
    """A client may open many before it has read our SETTINGS: those over the limit may be sent again."""
    connection = wire.server()
    numbers = range(1, 2 * MAX_STREAMS + 5, 2)
    events = receive(connection, *(wire.headers(number, ended=False) for number in numbers))
    assert wire.names(events) == ["Headers"] * MAX_STREAMS + ["Reset"] * 2
    assert wire.resets_of(connection) == [(201, h2.REFUSED_STREAM), (203, h2.REFUSED_STREAM)]
    receive(connection, wire.frame(wire.DATA, wire.END_STREAM, 1))
    connection.send_headers(1, [(b":status", b"200")], ended=True)
    assert wire.names(receive(connection, wire.headers(205))) == ["Headers"]


RESPONSES = {
    "interim-that-ends": [wire.headers(1, [(b":status", b"103")])],
    "data-before-the-response": [wire.frame(wire.DATA, 0, 1, b"x")],
    "two-final-responses": [wire.headers(1, [(b":status", b"200")], ended=False)] * 2,
}


@pytest.mark.parametrize("data", RESPONSES.values(), ids=RESPONSES)
def test_what_breaks_a_stream_of_a_client(data: list[bytes]) -> None:
    """What is no response is an error of its stream."""
    connection = wire.client()
    connection.open(wire.GET, ended=True)
    connection.take()
    assert receive(connection, *data)[-1] == Reset(1, h2.PROTOCOL_ERROR, True)
    assert wire.resets_of(connection) == [(1, h2.PROTOCOL_ERROR)]


def test_an_empty_header_section_is_no_interim_response() -> None:
    """It is told like any other, and refused by whoever reads it."""
    connection = wire.client()
    number = connection.open(wire.GET, ended=True)
    assert receive(connection, wire.headers(number, [], ended=False)) == [Headers(number, [], False)]


def test_a_peers_reset_is_told() -> None:
    """With its code."""
    connection = wire.server()
    assert receive(connection, OPEN, wire.rst(1, 7)) == [Headers(1, wire.GET, False), Reset(1, 7, False)]
    assert connection.take() == b""


FLOODS = {
    "d06-rapid-reset": lambda number: wire.headers(number) + wire.rst(number),
    "d06-made-you-reset": lambda number: wire.headers(number) + wire.window_update(number, 0),
    "d07-continuations": lambda number: (
        wire.frame(wire.HEADERS, 0, 1, b"") if number == 1 else wire.frame(wire.CONTINUATION, 0, 1, b"")
    ),
    "d08-settings": lambda _: wire.SETTINGS,
    "d08-pings": lambda _: wire.frame(wire.PING, 0, 0, bytes(8)),
    "d08-priorities": lambda number: wire.frame(wire.PRIORITY, 0, number, bytes(5)),
    "d08-empty-data": lambda number: OPEN if number == 1 else wire.frame(wire.DATA, 0, 1, b""),
    "d08-padding-alone": lambda number: OPEN if number == 1 else wire.frame(wire.DATA, wire.PADDED, 1, b"\0"),
    "d08-unknown": lambda _: wire.frame(0x77, 0, 0, b""),
    "d08-windows": lambda _: wire.window_update(0, 1),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_floods_are_ended(flood: Callable[[int], bytes]) -> None:
    """Work for nothing is done for a while, then the connection ends with ENHANCE_YOUR_CALM."""
    connection = wire.server()
    data = b"".join(flood(number) for number in range(1, 4003, 2))
    assert breaks(connection, data) == h2.ENHANCE_YOUR_CALM


def test_cancelling_among_useful_work_is_no_flood() -> None:
    """A busy client may cancel one request in three, for ever."""
    connection = wire.server()
    encoder = hpack.Encoder()
    for number in range(1, 6000, 2):
        events = receive(connection, wire.headers(number, encoder=encoder))
        assert wire.names(events) == ["Headers"]
        if number % 6 == 1:
            receive(connection, wire.rst(number))
        else:
            connection.send_headers(number, [(b":status", b"200")], ended=False)
            connection.send_data(number, b"answer", ended=True)
        connection.take()
    assert not connection.broken


@pytest.mark.parametrize("size", [65_537, 1 << 24])
def test_d07_a_header_section_that_is_too_large_is_not_collected(size: int) -> None:
    """GOAWAY at 64 KiB, before its end has come."""
    connection = wire.server()
    pieces = [wire.frame(wire.CONTINUATION, 0, 1, bytes(16_384))] * (size // 16_384 + 1)
    assert breaks(connection, wire.frame(wire.HEADERS, 0, 1, b""), *pieces) == h2.ENHANCE_YOUR_CALM


def test_d07_a_small_block_that_unfolds_to_a_large_list_is_refused() -> None:
    """One large entry of the table, named again and again."""
    connection = wire.server()
    block = b"\x40" + wire.literal([(b"x", b"v" * 3000)])[1:] + b"\xbe" * 4096
    assert breaks(connection, wire.frame(wire.HEADERS, wire.END_HEADERS, 1, block)) == h2.ENHANCE_YOUR_CALM


@settings(max_examples=300)
@given(st.data())
def test_no_bytes_do_anything_else_than_break_or_pass(data: st.DataObject) -> None:
    """Parsed, or refused with a GOAWAY: never an exception, and the same however it is cut."""
    kinds = st.builds(
        wire.frame,
        st.integers(0, 11),
        st.integers(0, 255),
        st.integers(0, 7),
        st.one_of(st.binary(max_size=40), st.just(wire.literal(wire.GET))),
    )
    frames = data.draw(st.lists(kinds, max_size=8))
    junk = data.draw(st.binary(max_size=12))
    client = data.draw(st.booleans())
    stream = wire.SETTINGS + b"".join(frames) + junk
    whole, cut = Connection(client=client), Connection(client=client)
    for connection in (whole, cut):
        if client:
            connection.open(wire.GET, ended=True)
    events = whole.receive(stream, 0.0)
    at = data.draw(st.integers(0, len(stream)))
    assert cut.receive(stream[:at], 0.0) + cut.receive(stream[at:], 0.0) == events
    assert cut.take() == whole.take()
    assert whole.broken == any(isinstance(event, Broken) for event in events)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=8), st.binary(max_size=30)), max_size=8),
    st.binary(max_size=50_000),
)
def test_another_implementation_is_understood(extra: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Whatever h2 sends as a request is told as it was meant."""
    fields = [*wire.GET, *((b"x-" + name.hex().encode(), value.hex().encode()) for name, value in extra)]
    theirs = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    theirs.initiate_connection()
    theirs.send_headers(1, fields)
    for at in range(0, len(body), 16_000):
        theirs.send_data(1, body[at : at + 16_000])
    theirs.end_stream(1)
    connection = Connection(client=False)
    events = receive(connection, theirs.data_to_send()[24:])
    assert [event.fields for event in events if isinstance(event, Headers)] == [fields]
    assert b"".join(event.payload for event in events if isinstance(event, Data)) == body
    theirs.receive_data(connection.take())

import pytest
from twisted.internet.task import Clock

from aegis_proxy.core.h2_connection import Connection
from aegis_proxy.core.h2_events import Broken, Event, Headers
from aegis_proxy.shell.h2_link import Batch, Link
from support import h2_wire as wire
from support.in_memory_http import MemoryTransport


class Told:
    """A user that notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def data(self, payload: bytes, size: int, ended: bool) -> None:
        self.heard.append(payload)

    def reset(self, code: int, ours: bool) -> None:
        self.heard.append(("reset", code, ours))

    def lost(self, why: str) -> None:
        self.heard.append(why)

    def progress(self) -> None:
        self.heard.append("progress")

    def drained(self) -> None:
        self.heard.append("drained")

    def sent(self) -> None:
        self.heard.append("sent")


class Noting(Link):
    """One that notes what is left to those who build on it."""

    def __init__(self, batch: Batch) -> None:
        self.clock_of_test = Clock()
        super().__init__(Connection(client=False), batch, self.clock_of_test.seconds)
        self.noted: list[Event] = []

    def headers(self, event: Headers) -> None:
        self.noted.append(event)

    def rare(self, event: Event) -> None:
        self.noted.append(event)

    def broken(self, event: Broken) -> None:
        self.noted.append(event)


@pytest.fixture
def batch() -> Batch:
    return Batch()


def linked(batch: Batch, *streams: int) -> tuple[Noting, MemoryTransport, dict[int, Told]]:
    """A server's link with these streams open, a user on each."""
    link = Noting(batch)
    transport = MemoryTransport(link, link.clock_of_test)
    link.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted types only its interfaces
    link.dataReceived(wire.SETTINGS + b"".join(wire.headers(number, ended=False) for number in streams))
    users = {number: Told() for number in streams}
    link.users.update(users)
    transport.take()
    return link, transport, users


def sizes(transport: MemoryTransport) -> list[tuple[int, int, int]]:
    """(stream, size, flags) of each DATA frame that was sent meanwhile."""
    sent = wire.frames(transport.take())
    return [(stream, len(payload), flags) for kind, flags, stream, payload in sent if kind == wire.DATA]


def test_a_batch_is_written_at_its_end(batch: Batch) -> None:
    """Once for each connection, however deep it is nested."""
    link, transport, _ = linked(batch, 1)
    other, elsewhere, _ = linked(batch, 1)
    with batch:
        link.send_headers(1, [(b":status", b"200")], ended=False)
        with batch:
            link.send_data(1, b"x", ended=False)
            other.reset(1, 8)
        assert (transport.written, elsewhere.written) == (b"", b"")
    assert [kind for kind, _, _, _ in wire.frames(transport.take())] == [wire.HEADERS, wire.DATA]
    assert elsewhere.written == wire.rst(1, 8)
    link.acknowledge(1, 64 * 1024)
    assert transport.take() == wire.window_update(1, 64 * 1024)


def test_what_fits_goes_out_at_once(batch: Batch) -> None:
    """And its user hears of the end."""
    link, transport, users = linked(batch, 1)
    assert link.send_data(1, b"abc", ended=False)
    assert link.send_data(1, b"", ended=True)
    assert sizes(transport) == [(1, 3, 0), (1, 0, 1)]
    assert users[1].heard == ["sent"]


def test_what_does_not_fit_waits_for_the_windows(batch: Batch) -> None:
    """In frames of the peer's size; the end goes with the last one."""
    link, transport, users = linked(batch, 1)
    assert not link.send_data(1, b"x" * 70_000, ended=False)
    assert [size for _, size, _ in sizes(transport)] == [16_384, 16_384, 16_384, 16_383]
    assert not link.send_data(1, b"y" * 10, ended=True)
    link.dataReceived(wire.window_update(1, 4_470))
    assert sizes(transport) == []
    link.dataReceived(wire.window_update(0, 4_470))
    assert sizes(transport) == [(1, 4_465, 0), (1, 5, 0)]
    link.dataReceived(wire.window_update(0, 100) + wire.window_update(1, 100))
    assert sizes(transport) == [(1, 5, 1)]
    assert users[1].heard == ["progress"] * 7 + ["sent"]


def test_room_for_more_is_told(batch: Batch) -> None:
    """When all that waited went out."""
    link, _, users = linked(batch, 1)
    assert not link.send_data(1, b"x" * 65_536, ended=False)
    link.dataReceived(wire.window_update(0, 1) + wire.window_update(1, 1))
    assert users[1].heard[-1] == "drained"


def test_trailers_wait_behind_the_body(batch: Batch) -> None:
    """And end the stream alone; without a body that waits they go out at once."""
    link, transport, users = linked(batch, 1, 3)
    link.send_trailers(3, [(b"grpc-status", b"0")])
    assert users[3].heard == ["sent"]
    link.send_data(1, b"x" * 65_536, ended=False)
    link.send_trailers(1, [(b"grpc-status", b"0")])
    transport.take()
    link.dataReceived(wire.window_update(0, 1) + wire.window_update(1, 1))
    sent = [(kind, flags & wire.END_STREAM) for kind, flags, _, _ in wire.frames(transport.take())]
    assert sent == [(wire.DATA, 0), (wire.HEADERS, wire.END_STREAM)]
    assert users[1].heard[-1] == "sent"


def test_an_end_without_a_body_waits_for_the_transport(batch: Batch) -> None:
    """So do trailers behind nothing but that."""
    link, transport, users = linked(batch, 1, 3, 5)
    link.pauseProducing()
    assert not link.send_data(1, b"", ended=True)
    assert not link.send_data(3, b"", ended=False)
    assert not link.send_data(5, b"", ended=False)
    link.send_trailers(5, [(b"grpc-status", b"0")])
    assert (transport.take(), users[1].heard) == (b"", [])
    link.resumeProducing()
    sent = [(kind, stream, flags & wire.END_STREAM) for kind, flags, stream, _ in wire.frames(transport.take())]
    assert sent == [(wire.DATA, 1, 1), (wire.DATA, 3, 0), (wire.HEADERS, 5, 1)]
    assert (users[1].heard, users[3].heard, users[5].heard) == (["sent"], ["drained"], ["sent"])


def test_streams_take_turns(batch: Batch) -> None:
    """A window of the connection that opens bit by bit is for all that wait."""
    link, transport, _ = linked(batch, 1, 3)
    link.send_data(1, b"x" * 65_535, ended=False)
    transport.take()
    for number in (1, 3):
        link.send_data(number, b"y" * 40_000, ended=False)
    link.dataReceived(wire.window_update(1, 100_000))
    for _ in range(4):
        link.dataReceived(wire.window_update(0, 1000))
    assert [number for number, _, _ in sizes(transport)] == [1, 3, 1, 3]


def test_a_full_transport_holds_the_rest(batch: Batch) -> None:
    """However wide the windows are."""
    link, transport, _ = linked(batch, 1)
    link.dataReceived(wire.window_update(0, 1_000_000) + wire.window_update(1, 1_000_000))
    transport.full = True
    assert not link.send_data(1, b"x" * 500_000, ended=True)
    assert 64 * 1024 < len(transport.written) < 128 * 1024
    transport.drain()
    assert sum(size for _, size, _ in sizes(transport)) == 500_000
    link.stopProducing()


def test_answers_that_nobody_reads_end_the_connection(batch: Batch) -> None:
    """They are held up to 256 KiB."""
    link, transport, _ = linked(batch)
    link.pauseProducing()
    for _ in range(17_000):
        link.clock_of_test.advance(0.01)
        link.dataReceived(wire.frame(wire.PING, 0, 0, bytes(8)))
    assert transport.ended == "aborted"
    assert len(transport.written) <= 256 * 1024


def test_a_stream_that_is_over_sends_nothing_more(batch: Batch) -> None:
    """What waited is forgotten; frames that come for it are given back to the connection."""
    link, transport, users = linked(batch, 1, 3)
    link.send_data(1, b"x" * 70_000, ended=True)
    link.dataReceived(wire.rst(1, 8))
    assert users[1].heard[-1] == ("reset", 8, False)
    link.forget(3)
    link.dataReceived(wire.frame(wire.DATA, 0, 3, b"late"))
    transport.take()
    link.dataReceived(wire.window_update(0, 100_000) + wire.rst(3, 8))
    assert transport.take() == b""
    assert users[3].heard == []


def test_the_rest_is_left_to_others(batch: Batch) -> None:
    """Header sections, rare events and the end; a lost connection is told to all."""
    link, _, users = linked(batch, 1, 3)
    link.lose("why")
    assert (users[1].heard, users[3].heard, link.users) == (["why"], ["why"], {})
    link.dataReceived(wire.frame(wire.PING, wire.ACK, 0, bytes(8)) + wire.frame(wire.DATA, 0, 0))
    assert wire.names(link.noted) == ["Settled", "Headers", "Headers", "PingAnswered", "Broken"]


def test_a_bare_link_knows_nothing_of_messages(batch: Batch) -> None:
    """Whoever builds on it says what they mean."""
    bare = Link(Connection(client=False), batch, lambda: 0.0)
    with pytest.raises(NotImplementedError):
        bare.headers(Headers(1, [], True))
    for method in (bare.rare, bare.broken):
        with pytest.raises(NotImplementedError):
            method(Broken(1, ""))

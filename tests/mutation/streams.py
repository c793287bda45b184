"""A client of HTTP/2 that keeps to no rule, and the oracle on what comes of its frames.

No exception, nothing at the app that was not judged and allowed, only whole and legal frames in return; and then the
connection either ends with GOAWAY or is sound: it answers a PING and the next request.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import hpack
from attrs import frozen

from aegis_proxy.settings import UpstreamProtocol
from mutation.frames import Frame, frames_of
from mutation.memory import TOKEN, MemoryProxy, Outcome, plain_answer
from mutation.oracle import ENDING, request_findings
from mutation.origin import Crooked
from support import h2_wire as wire

_PING = b"are you?"
_NEXT = b"/public/next"
_LARGEST = (1 << 31) - 1
_STREAM_CLOSED = 5


@frozen
class Spoken:
    """What came of the frames of one client. `answers` are the statuses of each stream, `goaway` the code of the first.

    `sound`: PING and request behind the mutant were answered; None where its last frame is not whole, so that they
    would belong to it. `left`: connections and streams that the proxy still counts when the client is gone.
    """

    outcome: Outcome
    answers: dict[int, list[int]]
    goaway: int | None
    closed: bool
    sound: bool | None
    left: int


def speak(proxy: MemoryProxy, data: bytes, pieces: Sequence[int] = ()) -> Spoken:
    """What comes of `data` behind preface and SETTINGS, in pieces of these sizes and the rest in one.

    Raises Crooked.
    """
    talk = proxy.connect(UpstreamProtocol.HTTP1)
    talk.send(wire.PREFACE + wire.SETTINGS, (), plain_answer)
    talk.send(data, pieces, plain_answer)
    found, rest = frames_of(data)
    fresh, sound = _fresh_stream(found), None
    if not rest and not talk.closing:
        follow_up = wire.frame(wire.PING, 0, 0, _PING)
        if fresh:
            follow_up += wire.headers(fresh, _next())
        talk.send(follow_up, (), plain_answer)
        sent = _whole_frames(talk.client.written)
        answered = not fresh or 200 in _answers(sent).get(fresh, [])
        sound = answered and (wire.PING, wire.ACK, 0, _PING) in sent
    goaway = _goaway(_whole_frames(talk.client.written))
    closed = talk.closing
    if not talk.client.ended:
        talk.client.end()
    proxy.clock.advance(0)
    sent = _whole_frames(talk.client.written)
    return Spoken(talk.outcome(), _answers(sent), goaway, closed, sound, len(proxy.server.connections))


def _next() -> list[tuple[bytes, bytes]]:
    head = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", _NEXT)]
    return [*head, (b"authorization", b"Bearer " + TOKEN)]


def _fresh_stream(found: list[Frame]) -> int:
    """A stream that no frame has named; 0 where the largest was."""
    largest = max((stream & _LARGEST for _, _, stream, _ in found), default=0)
    fresh = (largest + 1) | 1
    return fresh if fresh < _LARGEST else 0


def _whole_frames(data: bytes) -> list[Frame]:
    found, rest = frames_of(data)
    if rest:
        raise Crooked(f"the client got half a frame: {rest[:40]!r}")
    return found


def _goaway(sent: list[Frame]) -> int | None:
    return next((int.from_bytes(payload[4:8], "big") for kind, _, _, payload in sent if kind == wire.GOAWAY), None)


def _answers(sent: list[Frame]) -> dict[int, list[int]]:
    """The statuses of each stream. Raises Crooked for frames that no server may send (RFC 9113 sections 5.1 and 6)."""
    decoder = hpack.Decoder()
    decoder.max_allowed_table_size = 1 << 32  # a mutant may allow any
    answers: dict[int, list[int]] = {}
    over: set[int] = set()
    for kind, flags, stream, payload in sent:
        if len(payload) > 1 << 14 or kind in (wire.PUSH_PROMISE, wire.PRIORITY, wire.CONTINUATION):
            raise Crooked(f"the client got a frame of type {kind} and {len(payload)} bytes")
        if kind in (wire.HEADERS, wire.DATA):
            if stream in over or not stream & 1 or (kind == wire.DATA and stream not in answers):
                raise Crooked(f"the client got a frame of type {kind} out of place, on stream {stream}")
            if kind == wire.HEADERS:
                fields = dict(decoder.decode(payload, raw=True))
                refused = b"grpc-status" in fields  # our app answers plainly, so this is the proxy's own, with a 200
                answers.setdefault(stream, []).append(403 if refused else int(fields.get(b":status", b"0")))
        if kind == wire.RST_STREAM or (kind in (wire.HEADERS, wire.DATA) and flags & wire.END_STREAM):
            over.add(stream)
    return answers


def same_streams(whole: Spoken, split: Spoken) -> bool:
    """O5: whether the frames had the same result in one piece as in many.

    What comes on a stream that is over is a connection error, or costs that stream alone, or nothing, by whoever ended
    it (RFC 9113 section 5.1); and in one piece others come first than in many. Who did not end there goes on, to its
    end or another error.
    """
    one, other = (Counter(spoken.outcome.targets) for spoken in (whole, split))
    if split.goaway == whole.goaway:
        return one == other
    if _STREAM_CLOSED not in (split.goaway, whole.goaway):
        return False
    return not (one - other if whole.goaway == _STREAM_CLOSED else other - one)


def stream_findings(spoken: Spoken) -> Iterator[str]:
    """What is wrong with what came of one mutant."""
    outcome = spoken.outcome
    judged, arrived = Counter(outcome.targets), Counter(request.target for request in outcome.seen)
    if arrived - judged:
        yield f"O2: the app saw {arrived - judged}, which nobody judged"
    for request in outcome.seen:
        yield from request_findings(request)
    statuses = [status for stream in spoken.answers.values() for status in stream]
    if strange := {*statuses} - ENDING - {200, 401, 403}:
        yield f"the statuses {strange}"
    if any(len(stream) > 1 for stream in spoken.answers.values()):
        yield f"O1: a stream with two answers: {spoken.answers}"
    if statuses.count(200) > len(outcome.seen):
        yield f"O1: {statuses.count(200)} good answers to {len(outcome.seen)} requests"
    if (spoken.goaway is None) is spoken.closed:
        yield f"O3: GOAWAY {spoken.goaway}, and closed: {spoken.closed}"
    if spoken.sound is False and spoken.goaway is None:
        yield "O3: the connection is open, and answers nobody"
    if spoken.left:
        yield f"O3: {spoken.left} connections and streams are left when the client is gone"
    if outcome.left_open:
        yield "O1: a request that never became whole is still waited for at the app"

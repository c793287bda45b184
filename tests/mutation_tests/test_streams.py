"""Frames of HTTP/2 as mutants, through the h2c port in memory: the oracle holds, and can tell when it does not."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_proxy.core import rules
from aegis_proxy.core.h2_connection import Connection
from aegis_proxy.core.h2_sender import Sender
from mutation.frames import FRAME_OPERATORS, FRAMES, frames_of, frames_with_token
from mutation.memory import TOKEN, MemoryProxy, Outcome, memory_proxy
from mutation.operators import Operator, apply
from mutation.origin import Crooked, Seen
from mutation.run import frames_verdict, run
from mutation.streams import Spoken, same_streams, speak, stream_findings
from support import h2_wire as wire

MUTANTS = st.builds(
    apply,
    st.sampled_from(FRAMES),
    st.lists(st.tuples(st.sampled_from(FRAME_OPERATORS), st.integers(0, 2**32 - 1)), max_size=5),
)
operators = pytest.mark.parametrize("operator", dict.fromkeys(FRAME_OPERATORS), ids=lambda operator: operator.__name__)


@pytest.fixture(scope="module")
def proxy() -> Iterator[MemoryProxy]:
    with memory_proxy() as made:
        yield made


@operators
@given(data=st.binary(max_size=60), seed=st.integers(0, 2**32 - 1))
def test_an_operator_takes_any_bytes(operator: Operator, data: bytes, seed: int) -> None:
    """Be they frames or not; the seed alone decides what comes of it."""
    assert operator(data, Random(seed)) == operator(data, Random(seed))


@operators
def test_an_operator_changes_something(operator: Operator) -> None:
    """Most of the time, and not always in the same way: few frames can be put in few orders."""
    made = {operator(message, Random(seed)) for message in FRAMES for seed in range(20)}
    assert len(made - set(FRAMES)) > 15


@pytest.mark.parametrize("message", FRAMES)
def test_the_seeds_pass(proxy: MemoryProxy, message: bytes) -> None:
    """A request reaches the app, and the connection is sound behind it."""
    spoken = speak(proxy, frames_with_token(message, TOKEN))
    assert (spoken.goaway, spoken.sound) == (None, True)
    assert len(spoken.outcome.seen) > 1  # one of its own, and the one that is asked behind it
    assert frames_verdict(proxy, message, 0) == ("sound", [])


@given(message=MUTANTS, seed=st.integers(0, 2**16))
@settings(max_examples=200)
def test_no_frames_break_the_oracle(proxy: MemoryProxy, message: bytes, seed: int) -> None:
    """Whatever they are and the pieces they come in."""
    assert frames_verdict(proxy, message, seed)[1] == []


def test_a_run_finds_nothing() -> None:
    """The run that CI makes on every change, on mutants that never change."""
    said: list[str] = []
    assert run("frames", 0, 500, report=said.append) == 0
    assert said[-2].startswith("frames: 500 mutants from seed 0")


@pytest.mark.parametrize("number", [3811, 4049, 7605, 8850, 11964, 13159])
def test_what_runs_found_stays_mended(number: int) -> None:
    """Trailers of a stream that was reset were a request of their own; and what the oracle takes for the same."""
    assert run("frames", number, 1, report=lambda _: None) == 0


def verdicts(proxy: MemoryProxy, message: bytes) -> str:
    return " ".join(frames_verdict(proxy, message, 1)[1])


def test_a_request_that_policy_does_not_allow_is_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """O1: a proxy whose rules compare by prefix of bytes."""
    monkeypatch.setattr(rules._Paths, "find", lambda self, path, caller: rules.Grant("p", "r"))
    assert "is not what policy allows" in verdicts(proxy, FRAMES[3])


def test_a_connection_that_answers_nobody_is_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """O3: a proxy that stays open and has lost its place."""
    monkeypatch.setattr(Connection, "_ping", lambda *_: None)
    assert "answers nobody" in verdicts(proxy, FRAMES[0])


def test_half_a_frame_is_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the client gets is whole."""
    real = Sender.take
    monkeypatch.setattr(Sender, "take", lambda self: real(self)[:-1])
    assert "half a frame" in verdicts(proxy, FRAMES[0])


SEEN = Seen(b"GET", b"/healthz", (b"Host: a", b"X-Forwarded-For: 10.0.0.9"), b"")
GOOD = Spoken(Outcome((SEEN,), (b"/healthz",), b"", True), {1: [200]}, None, closed=False, sound=True, left=0)
BROKEN = evolve(GOOD, goaway=1, closed=True, sound=None)


@pytest.mark.parametrize(
    ("spoken", "text"),
    [
        (evolve(GOOD, outcome=evolve(GOOD.outcome, targets=())), "O2: the app saw"),
        (evolve(GOOD, answers={1: [200], 3: [302]}), "the statuses {302}"),
        (evolve(GOOD, answers={1: [200, 403]}), "O1: a stream with two answers"),
        (evolve(GOOD, answers={1: [200], 3: [200]}), "O1: 2 good answers to 1 requests"),
        (evolve(GOOD, closed=True), "O3: GOAWAY None, and closed: True"),
        (evolve(BROKEN, closed=False), "O3: GOAWAY 1, and closed: False"),
        (evolve(GOOD, sound=False), "O3: the connection is open, and answers nobody"),
        (evolve(GOOD, left=2), "O3: 2 connections and streams are left"),
        (evolve(GOOD, outcome=evolve(GOOD.outcome, left_open=1)), "O1: a request that never became whole"),
    ],
)
def test_what_is_wrong_is_named(spoken: Spoken, text: str) -> None:
    """Each check can fail."""
    assert list(stream_findings(GOOD)) == []
    assert list(stream_findings(BROKEN)) == []
    assert text in " ".join(stream_findings(spoken))


def test_a_result_that_hangs_on_the_pieces_is_found() -> None:
    """O5, with the one difference that is HTTP/2's: what comes on a stream that is over by then."""
    nothing = evolve(GOOD, outcome=evolve(GOOD.outcome, targets=()))
    ended = evolve(nothing, goaway=5)
    assert same_streams(GOOD, GOOD)
    assert not same_streams(GOOD, nothing)
    assert not same_streams(GOOD, evolve(GOOD, goaway=1))
    assert same_streams(GOOD, ended)
    assert same_streams(ended, GOOD)
    assert same_streams(evolve(GOOD, goaway=9), ended)
    assert not same_streams(nothing, evolve(GOOD, goaway=5))


@pytest.mark.parametrize(
    "sent",
    [
        wire.frame(wire.DATA, 0, 1, b"x"),
        wire.headers(2, [(b":status", b"200")]),
        wire.headers(1, [(b":status", b"200")]) * 2,
        wire.frame(wire.PUSH_PROMISE, 4, 1, bytes(4)),
        wire.frame(wire.PING, 0, 0, bytes(20_000)),
    ],
)
def test_frames_that_no_server_sends_are_found(
    proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """RFC 9113 sections 5.1 and 6."""
    real: Any = Sender.take
    first = [sent]
    monkeypatch.setattr(Sender, "take", lambda self: real(self) + (first.pop() if first else b""))
    with pytest.raises(Crooked, match="the client got a frame"):
        speak(proxy, b"")


def test_the_token_is_put_into_whole_frames() -> None:
    """With lengths that fit; what is left of a frame stays as it is."""
    data = frames_with_token(FRAMES[0] + FRAMES[0][:-1], TOKEN)
    (frame,), rest = frames_of(data)
    assert b"Bearer " + TOKEN in frame[3]
    assert rest == FRAMES[0][:-1]

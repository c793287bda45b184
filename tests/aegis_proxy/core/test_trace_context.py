"""W3C Trace Context: what is taken for a trace, and how it goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.trace_context import TraceContext, continued, trace_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def of(*values: str) -> TraceContext | None:
    return trace_of([f"traceparent: {value}".encode() for value in values])


def test_a_trace() -> None:
    """The ids and the flag of the sender."""
    assert of(GOOD) == TraceContext(TRACE, SPAN, True)
    assert of(GOOD[:-1] + "0") == TraceContext(TRACE, SPAN, False)
    assert trace_of([b"Accept: */*", b"TraceParent:\t" + GOOD.encode() + b" "]) == TraceContext(TRACE, SPAN, True)


@pytest.mark.parametrize("flags", ["03", "ff", "05"])
def test_flags_that_are_not_known_are_overlooked(flags: str) -> None:
    """Only the sampled bit means something to us (section 3.2.2.5)."""
    assert of(f"00-{TRACE}-{SPAN}-{flags}") == TraceContext(TRACE, SPAN, True)


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    """What it appends comes behind another dash (section 3.2.4)."""
    assert of(f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like") == TraceContext(TRACE, SPAN, True)
    assert of(f"cc-{TRACE}-{SPAN}-01") == TraceContext(TRACE, SPAN, True)
    assert of(f"cc-{TRACE}-{SPAN}-01.what") is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        GOOD.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0g",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00_{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}\xb2-{SPAN}-01",
    ],
)
def test_what_is_none(value: str) -> None:
    """Whatever is not to the letter begins no trace of ours."""
    assert of(value) is None


def test_two_are_none() -> None:
    """Nobody can say which of them is meant."""
    assert of(GOOD, GOOD) is None
    assert trace_of([]) is None


def test_a_trace_goes_on_under_another_sender() -> None:
    """The state of vendors stays with its trace; the rest passes as it came."""
    lines = [b"Accept: */*", b"traceparent: " + GOOD.encode(), b"tracestate: a=1", b"TraceState: b=2"]
    span = TraceContext(TRACE, "00f067aa0ba902b7", True)
    assert continued(lines, span) == [
        b"Accept: */*",
        b"tracestate: a=1",
        b"TraceState: b=2",
        f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01".encode(),
    ]


def test_a_new_trace_takes_nothing_over() -> None:
    """State without a trace, or of another one, is nobody's."""
    span = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", False)
    own = f"traceparent: 00-{span.trace_id}-{span.span_id}-00".encode()
    assert continued([b"tracestate: a=1", b"X: y"], span) == [b"X: y", own]
    assert continued([b"Traceparent: " + GOOD.encode(), b"tracestate: a=1"], span) == [own]


@given(st.binary(max_size=80))
def test_no_bytes_are_too_odd(value: bytes) -> None:
    """Any value is a trace or none, and what is a trace comes out as it went in."""
    trace = trace_of([b"traceparent:" + value])
    if trace is not None:
        assert trace_of(continued([], trace)) == trace


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_every_context_survives_its_line(trace: int, span: int, sampled: bool) -> None:
    """Written and read, it is the same."""
    context = TraceContext(f"{trace:032x}", f"{span:016x}", sampled)
    assert trace_of(continued([], context)) == context

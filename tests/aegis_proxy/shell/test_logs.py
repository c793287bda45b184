import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import LogLevel as TwistedLevel
from twisted.python.failure import Failure

from aegis_idp.values import Secret
from aegis_proxy.settings import LogLevel, Redirect
from aegis_proxy.shell.logs import Log, twisted_observer
from support.proxy_log import ReadableLog
from support.tokens import mint


def test_an_event_is_one_line_of_json(readable_log: ReadableLog) -> None:
    """Time, level, event, and the fields as plain values."""
    readable_log.log.info("started", port=1, ratio=0.5, on=True, none=None, names=("a", "b"), deep={"x": [b"\xff"]})
    assert readable_log.events() == [
        {
            "time": "1970-01-01T00:00:00.000Z",
            "level": "info",
            "event": "started",
            "port": 1,
            "ratio": 0.5,
            "on": True,
            "none": None,
            "names": ["a", "b"],
            "deep": {"x": ["\u00ff"]},
        }
    ]


@given(st.text())
def test_no_text_breaks_a_line(text: str) -> None:
    """Line ends and control characters are escaped."""
    log = ReadableLog()
    log.log.info("x", text=text)
    assert len(log.text().splitlines()) == 1
    assert len(log.events()) == 1
    log.close()


def test_other_values_show_as_their_text(readable_log: ReadableLog) -> None:
    """Whatever it is, a line comes out."""
    readable_log.log.info("x", path=Path("a"), kind=Redirect.NONE, big=1e300)
    (event,) = readable_log.events()
    assert (event["path"], event["big"]) == ("a", "1e+300")


def test_levels_filter(clock: Clock) -> None:
    """Below the level nothing is written."""
    log = ReadableLog(LogLevel.WARNING, clock)
    for write in (log.log.debug, log.log.info, log.log.warning, log.log.error):
        write("x")
    assert [event["level"] for event in log.events()] == ["warning", "error"]
    log.close()


def test_s02_secrets_do_not_show(readable_log: ReadableLog) -> None:
    """By their type, at any depth."""
    readable_log.log.info("x", secret=Secret("hunter2"), deep={"a": [Secret("hunter2")]})
    assert "hunter2" not in readable_log.text()


@pytest.mark.attack("X19")
def test_s01_what_looks_like_a_token_is_scrubbed(readable_log: ReadableLog) -> None:
    """Should one ever get into a text."""
    token = mint().decode()
    readable_log.log.info("x", error=f"got {token}", header="Bearer abc.def", vault="hvs.CAESIJ", key={token: 1})
    text = readable_log.text()
    for part in (*token.split("."), "abc.def", "CAESIJ"):
        assert part not in text


def test_s02_a_failure_shows_no_local_variables(readable_log: ReadableLog) -> None:
    """Where it came from, and what it says."""

    def fail(password: str) -> None:
        raise ValueError("it broke")

    try:
        fail("hunter2")
    except ValueError:
        readable_log.log.failure("defect", Failure(captureVars=True), part="x")
    (event,) = readable_log.events()
    assert (event["error"], event["type"], event["part"], event["level"]) == ("it broke", "ValueError", "x", "error")
    assert any(frame.startswith("test_logs.py:") for frame in event["frames"])
    assert "hunter2" not in readable_log.text()


def test_d10_the_same_event_is_not_written_without_end(clock: Clock, readable_log: ReadableLog) -> None:
    """20 in 10 s of each reason; a line then tells how many were left out, and the measure is full again."""
    for _ in range(1000):
        readable_log.log.warning("again", reason="a")
    readable_log.log.warning("again", reason="b")
    readable_log.log.warning("other")
    assert len(readable_log.events()) == 22
    clock.advance(10)
    assert {**readable_log.events()[-1], "time": ""} == {
        "time": "",
        "level": "warning",
        "event": "suppressed",
        "of": "again",
        "reason": "a",
        "lines": 980,
        "seconds": 10.0,
    }
    readable_log.log.warning("again", reason="a")
    assert readable_log.events()[-1]["event"] == "again"
    clock.advance(10)
    assert len(readable_log.events()) == 24
    assert clock.getDelayedCalls() == []


def test_d10_reasons_without_end_are_counted_together(readable_log: ReadableLog) -> None:
    """Memory has a bound, and so has the log, should a reason ever hold what a stranger said."""
    for number in range(10_000):
        readable_log.log.warning("again", reason=str(number))
    assert len(readable_log.events()) == 255 + 20 + 1
    readable_log.log.sum_up()
    assert readable_log.events()[-1]["lines"] == 10_000 - 255 - 21


def test_records_are_not_limited(readable_log: ReadableLog) -> None:
    """Whoever asks for an access log gets every line, whatever the level."""
    for number in range(100):
        readable_log.log.record({"event": "access", "number": number})
    assert [event["number"] for event in readable_log.events()] == list(range(100))


def test_long_values_and_lines_are_cut(readable_log: ReadableLog) -> None:
    """A line is at most what a pipe takes at once; it stays JSON."""
    readable_log.log.info("x", text="y" * 5000)
    readable_log.log.info("z", texts=["y" * 1000] * 10)
    first, second = readable_log.events()
    assert first["text"] == "y" * 1024 + "..."
    assert second == {"time": "1970-01-01T00:00:00.000Z", "level": "info", "event": "z", "truncated": True}


def test_lines_are_written_soon(clock: Clock) -> None:
    """Together, a moment later."""
    reading, writing = os.pipe()
    log = Log(writing, LogLevel.INFO, clock, clock.seconds)
    log.info("x")
    log.info("y")
    clock.advance(0.02)
    assert [json.loads(line)["event"] for line in os.read(reading, 4096).splitlines()] == ["x", "y"]
    os.close(reading)
    os.close(writing)


def test_d10_a_full_pipe_does_not_block(clock: Clock) -> None:
    """Lines are dropped and counted, and once it is read again the log says how many."""
    reading, writing = os.pipe()
    log = Log(writing, LogLevel.INFO, clock, clock.seconds)
    line = {"event": "access", "text": "y" * 1000}
    for _ in range(3000):
        log.record(line)
        clock.advance(0.02)
    assert log.dropped > 0
    text = b""
    while len(text) < (1 << 20):
        text += os.read(reading, 1 << 16)
        clock.advance(0.2)
    log.flush()
    clock.advance(0.2)
    text += os.read(reading, 1 << 16)
    assert json.loads(text.splitlines()[-1])["lines"] == log.dropped
    os.close(reading)
    os.close(writing)


def test_a_log_that_nobody_reads_any_more(clock: Clock) -> None:
    """The proxy goes on."""
    reading, writing = os.pipe()
    os.close(reading)
    log = Log(writing, LogLevel.INFO, clock, clock.seconds)
    log.info("x")
    assert log.flush()
    assert log.dropped == 1
    os.close(writing)


def test_a_descriptor_that_does_not_block_is_tried_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else may have made it so."""
    reading, writing = os.pipe()
    log = Log(writing, LogLevel.INFO, clock, clock.seconds)
    log.info("x")
    with monkeypatch.context() as patch:

        def busy(_: int, __: bytes) -> int:
            raise BlockingIOError

        patch.setattr(os, "write", busy)
        assert not log.flush()
    assert log.flush()
    os.close(reading)
    os.close(writing)


def test_twisted_s_own_errors_are_logged(readable_log: ReadableLog) -> None:
    """Its chatter is not."""
    observe = twisted_observer(readable_log.log)
    observe({"log_failure": Failure(ValueError("lost"))})
    observe({"log_level": TwistedLevel.warn, "log_namespace": "x", "log_format": "careful"})
    observe({"log_level": TwistedLevel.info, "log_format": "chatter"})
    assert [event["event"] for event in readable_log.events()] == ["unhandled error", "twisted"]

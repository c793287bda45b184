"""Events to their sink."""

from collections.abc import Callable

import pytest

from aegis_local.sources import delivery
from aegis_local.sources.delivery import RETRIABLE, WAITS, Sender
from aegis_local.sources.events import Event
from support.event_sink import Event as Delivered
from support.event_sink import EventSink
from support.on_reactor import on_reactor, reactor

EVENT = Event({"Ce-Type": "t", "Ce-Id": "1", "Ce-Subject": "/s"}, b"{}")


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of attempts is what counts here."""
    monkeypatch.setattr(delivery, "WAITS", (0.0,) * len(WAITS))


def send(url: str) -> bool:
    async def work() -> bool:
        sender = Sender(reactor)
        try:
            return await sender.send(url, EVENT)
        finally:
            await sender.close()

    return on_reactor(work())


def answering(*statuses: int) -> Callable[[Delivered], int]:
    left = list(statuses)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_an_event_that_is_taken_is_sent_once() -> None:
    """With its headers and body."""
    with EventSink() as sink:
        assert send(sink.url)
    assert [(event.type, event.id, event.body) for event in sink.events] == [("t", "1", b"{}")]


@pytest.mark.parametrize("status", sorted(RETRIABLE))
def test_an_event_is_tried_again_with_the_same_id(status: int) -> None:
    """After each status that Knative's client takes for passing."""
    with EventSink(answering(status, status, 202)) as sink:
        assert send(sink.url)
    assert [event.id for event in sink.events] == ["1", "1", "1"]


@pytest.mark.parametrize("status", [500, 400, 401, 408, 409, 501])
def test_other_refusals_lose_the_event(status: int) -> None:
    """500 among them: it is sent exactly once."""
    with EventSink(answering(status)) as sink:
        assert not send(sink.url)
    assert len(sink.events) == 1


def test_six_attempts_and_no_more() -> None:
    """Then the event is lost."""
    assert WAITS == (0.1, 0.2, 0.4, 0.8, 1.6)
    with EventSink(answering(503)) as sink:
        assert not send(sink.url)
    assert len(sink.events) == 6


def test_a_sink_that_is_away_is_tried_again_too() -> None:
    """No answer counts as passing."""
    with EventSink() as sink:
        pass
    assert not send(sink.url)

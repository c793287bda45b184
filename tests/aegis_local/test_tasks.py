"""Coroutines that run beside each other."""

from typing import cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from aegis_local.tasks import Bell, OutOfTime, Tasks, sleep, within


def test_sleep_waits_for_the_clock() -> None:
    """No earlier and no later."""
    clock = Clock()
    task = Deferred.fromCoroutine(sleep(clock, 2.0))
    clock.advance(1.9)
    assert not task.called
    clock.advance(0.1)
    assert task.called


def test_work_within_its_time_gives_its_result() -> None:
    """Or its error; the clock is left alone."""
    clock = Clock()

    async def work(error: Exception | None) -> int:
        await sleep(clock, 1)
        if error:
            raise error
        return 7

    good = Deferred.fromCoroutine(within(clock, 2, work(None)))
    bad = Deferred.fromCoroutine(within(clock, 2, work(KeyError("x"))))
    reasons: list[Failure] = []
    bad.addErrback(reasons.append)
    clock.advance(1)
    results: list[int] = []
    good.addCallback(results.append)
    assert results == [7]
    assert isinstance(reasons[0].value, KeyError)
    assert clock.getDelayedCalls() == []


def test_work_that_takes_longer_is_cancelled() -> None:
    """However it takes that, the time was over."""
    clock, reasons = Clock(), list[Failure]()

    async def work() -> None:
        try:
            await sleep(clock, 10)
        finally:
            raise KeyError("another error on the way out")

    Deferred.fromCoroutine(within(clock, 2, work())).addErrback(reasons.append)
    clock.advance(2)
    assert isinstance(reasons[0].value, OutOfTime)


def test_cancelling_ends_what_runs() -> None:
    """Each runs its `finally` blocks, and the clock is left alone."""
    clock, tasks, ended = Clock(), Tasks(), []

    async def work() -> None:
        try:
            await sleep(clock, 10)
        finally:
            ended.append(True)

    tasks.start("a", work())
    tasks.start("b", work())
    tasks.cancel()
    assert ended == [True, True]
    assert clock.getDelayedCalls() == []


def test_a_task_that_fails_is_logged_with_its_name() -> None:
    """And it ends there; a cancelled one is no failure."""
    events: list[LogEvent] = []
    tasks, clock = Tasks(), Clock()

    async def fail() -> None:
        raise ValueError("no")

    async def wait() -> None:
        try:
            await sleep(clock, 1)
        finally:
            raise KeyError("on the way out")

    globalLogPublisher.addObserver(cast(ILogObserver, events.append))
    try:
        tasks.start("the work", fail())
        tasks.start("the wait", wait())
        tasks.cancel()
    finally:
        globalLogPublisher.removeObserver(cast(ILogObserver, events.append))
    assert [event["name"] for event in events if "log_failure" in event] == ["the work"]
    assert tasks._running == set()


def test_join_waits_for_all() -> None:
    """However they end."""
    clock, tasks = Clock(), Tasks()

    async def work(seconds: float) -> None:
        await sleep(clock, seconds)

    tasks.start("a", work(1))
    tasks.start("b", work(2))
    joined = Deferred.fromCoroutine(tasks.join())
    clock.advance(1)
    assert not joined.called
    clock.advance(1)
    assert joined.called


def test_a_bell_wakes_all_who_wait_now() -> None:
    """And none who come later, nor one who gave up."""
    bell = Bell()
    first, second = (Deferred.fromCoroutine(bell.heard()) for _ in range(2))
    reasons: list[Failure] = []
    second.addErrback(reasons.append)
    second.cancel()
    bell.ring()
    assert first.called
    assert isinstance(reasons[0].value, CancelledError)
    later = Deferred.fromCoroutine(bell.heard())
    assert not later.called

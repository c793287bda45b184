"""Coroutines that run beside each other and end together."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()

T = TypeVar("T")


async def sleep(clock: IReactorTime, seconds: float) -> None:
    """Wait for `seconds`; cancelling the coroutine that waits ends the wait."""
    await deferLater(clock, seconds)


class OutOfTime(Exception):  # says what happened
    """The time for something was over before it was done."""


async def within(clock: IReactorTime, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled after `seconds`. Raises OutOfTime then, whatever it makes of that."""
    late: list[bool] = []
    task = Deferred.fromCoroutine(work)

    def cancel() -> None:
        late.append(True)
        task.cancel()

    timer = clock.callLater(seconds, cancel)
    try:
        return await task
    except Exception:
        if late:
            raise OutOfTime(f"not done within {seconds:g} s") from None
        raise
    finally:
        if timer.active():
            timer.cancel()


class Tasks:
    """A set of running coroutines. One that fails is logged under its name: nobody waits for its result."""

    def __init__(self) -> None:
        self._running: set[Deferred[Any]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` until it ends or is cancelled."""
        task: Deferred[Any] = Deferred.fromCoroutine(work)
        self._running.add(task)

        def ended(result: Any) -> None:
            # What a cancelled one raises on its way out is of no interest.
            if isinstance(result, Failure) and task in self._running:
                log.failure("{name} failed", failure=result, name=name)
            self._running.discard(task)

        task.addBoth(ended)

    def cancel(self) -> None:
        """End all of them. Cancelling runs their `finally` blocks up to the first wait."""
        running, self._running = self._running, set()
        for task in running:
            task.cancel()

    async def join(self) -> None:
        """Wait until all have ended."""
        while self._running:
            waiting: Deferred[None] = Deferred()
            first = next(iter(self._running))

            def woken(result: Any, waiting: Deferred[None] = waiting) -> Any:
                waiting.callback(None)
                return result

            first.addBoth(woken)
            await waiting


class Bell:
    """Wakes those who wait for something to change. They look for themselves what it was."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] = []

    def ring(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    async def heard(self) -> None:
        """Wait for the next ring."""
        deferred: Deferred[None] = Deferred(self._waiting_no_more)
        self._waiting.append(deferred)
        await deferred

    def _waiting_no_more(self, deferred: Deferred[None]) -> None:
        self._waiting.remove(deferred)

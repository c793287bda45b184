"""What an exchange waits for: its route, then its connection to upstream."""

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core.refusals import Refused

T = TypeVar("T")


class Waiter:
    """Waits for one thing at a time; what was cancelled says nothing any more."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: Deferred[Any] | None = None

    def refuse(self, refused: Refused) -> None:
        """What was waited for failed."""
        raise NotImplementedError

    def fail(self, failure: Failure) -> None:
        """A defect of ours: nothing sensible can be answered."""
        raise NotImplementedError

    def wait(self, waiting: "Deferred[T]", then: Callable[[T], None]) -> None:
        def go_on(result: T) -> None:
            self._waiting = None
            then(result)

        def give_up(failure: Failure) -> None:
            if self._waiting is not waiting:  # cancelled
                return
            self._waiting = None
            if isinstance(failure.value, Refused):
                self.refuse(failure.value)
            else:
                self.fail(failure)

        self._waiting = waiting
        waiting.addCallbacks(go_on, give_up)
        waiting.addErrback(self.fail)

    def stop_waiting(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()

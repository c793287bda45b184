from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.shell.waiting import Waiter


class Noting(Waiter):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []

    def refuse(self, refused: Refused) -> None:
        self.heard.append(refused.reason)

    def fail(self, failure: Failure) -> None:
        self.heard.append(failure.type)


def test_what_comes_is_told_once() -> None:
    """A result, a refusal, or a defect: also one of who goes on."""
    waiter = Noting()
    for outcome in (1, Refused(UPSTREAM_UNREACHABLE), ZeroDivisionError()):
        waiting: Deferred[int] = Deferred()
        waiter.wait(waiting, waiter.heard.append)
        waiting.callback(outcome) if isinstance(outcome, int) else waiting.errback(outcome)
    broken: Deferred[int] = Deferred()
    waiter.wait(broken, lambda number: waiter.heard.append(1 // number))
    broken.callback(0)
    assert waiter.heard == [1, "upstream_unreachable", ZeroDivisionError, ZeroDivisionError]


def test_what_is_cancelled_is_told_to_nobody() -> None:
    """However its maker takes it."""
    waiter, cancelled = Noting(), list[object]()
    waiter.wait(Deferred(cancelled.append), waiter.heard.append)
    waiter.stop_waiting()
    waiter.stop_waiting()
    assert (len(cancelled), waiter.heard) == (1, [])

"""Run a coroutine on Twisted's reactor from a plain test."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from aegis_local.reactors import installed

T = TypeVar("T")

reactor = installed()


def on_reactor(work: Coroutine[Any, Any, T], seconds: float = 60.0) -> T:
    """The result of `work`, or what it raised; cancelled after `seconds`.

    The reactor is left with `crash`, which, unlike `stop`, lets it run again for the next test.
    """
    results: list[T | Failure] = []

    def done(result: T | Failure) -> None:
        results.append(result)
        # One more turn, in which connections that were just closed go.
        reactor.callLater(0, reactor.crash)

    def begin() -> None:
        task = Deferred.fromCoroutine(work)
        task.addTimeout(seconds, reactor)
        task.addBoth(done)

    reactor.callWhenRunning(begin)
    reactor.run()
    # `crash` leaves the threads of `deferToThread` behind, and the interpreter would wait for them for ever.
    stop_threads = getattr(reactor, "_stopThreadPool")  # noqa: B009  # private, and not in the interface
    if getattr(reactor, "threadpool", None) is not None:
        stop_threads()
    result = results[0]
    if isinstance(result, Failure):
        result.raiseException()
    return result

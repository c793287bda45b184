"""How many clients a listener holds at once, and who goes when there are more."""

from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import Protocol

INFINITE = float("inf")
# Looking for the idlest costs a look at all, so that part of the most goes at once.
_SHARE = 64


class Waiting(Protocol):
    """`idle_since` is on the monotonic clock, and INFINITE for what has a request under way or ends already."""

    @property
    def idle_since(self) -> float: ...

    def evict(self) -> None:
        """Ends it soon: its place is needed."""


def _nobody(_: "Crowd") -> None:
    """Need not hear of it."""


class Crowd:
    """The sockets of a listener, at most `most`. `evicted` and `turned_away` count since the start; `full` hears of it
    whenever somebody has to go.
    """

    def __init__(self, most: int, full: "Callable[[Crowd], None]" = _nobody) -> None:
        self.most = most
        self._full = full
        self.sockets = 0
        self.evicted = 0
        self.turned_away = 0
        self._leaving = 0

    def came(self) -> None:
        self.sockets += 1

    def left(self) -> None:
        self.sockets -= 1
        self._leaving = max(0, self._leaving - 1)

    def admits(self, connections: Iterable[Waiting]) -> bool:
        """Whether one more may come. Those that have been idle for longest make room for it."""
        if self.sockets - self._leaving < self.most:
            return True
        idle = nsmallest(
            max(1, self.most // _SHARE),
            [each for each in connections if each.idle_since < INFINITE],
            key=lambda each: each.idle_since,
        )
        for each in idle:
            each.evict()
        self.evicted += len(idle)
        self._leaving += len(idle)
        if not idle:
            self.turned_away += 1
        self._full(self)
        return bool(idle)

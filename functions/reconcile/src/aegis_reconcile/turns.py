"""One piece of work per object at a time, in this process, and no queue of the same."""

import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

from attrs import define, field

R = TypeVar("R")


@define
class _Turn:
    lock: threading.Lock = field(factory=threading.Lock)
    waiting: bool = False
    users: int = 0


@define
class Turns:
    """Work on one key waits for the one before it. Of those who wait, one is enough: it looks at the object anew.

    So an event whose work is left out is done by one that came before it and has not begun: if that fails, its own
    event comes again. Other processes are kept apart by the versions of objects.
    """

    _turns: dict[Hashable, _Turn] = field(factory=dict, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def take(self, key: Hashable, work: Callable[[], R]) -> R | None:
        """The result of `work`; None if somebody else is about to do the same."""
        with self._lock:
            turn = self._turns.setdefault(key, _Turn())
            if turn.waiting:
                return None
            turn.waiting = True
            turn.users += 1
        try:
            with turn.lock:
                with self._lock:
                    turn.waiting = False
                return work()
        finally:
            with self._lock:
                turn.users -= 1
                if not turn.users:
                    del self._turns[key]

"""Much work at once, within bounds: some lanes for each provider, and an end to it all in good time."""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from attrs import define, field

from aegis_reconcile.plan.answers import Problem

T = TypeVar("T")
R = TypeVar("R")

# Calls to one provider at a time: it serves others, too. A slow one takes no more than its own lanes.
_LANES = 4
_THREADS = 32
# A provider that did not answer so often in a row is left in peace until the next time.
_OUTAGES = 3


@define
class _Group(Generic[T]):
    waiting: deque[T]
    outages: int = 0


@define
class Done(Generic[T, R]):
    """`results` of what was done, in no order, and what was left undone."""

    results: list[R] = field(factory=list)
    undone: list[T] = field(factory=list)


def in_lanes(groups: Mapping[Hashable, Iterable[T]], work: Callable[[T], R], late: Callable[[], bool]) -> Done[T, R]:
    """Does the work of all groups side by side, each in its order. Nothing is begun once it is `late`.

    A result that is a Problem of a provider that did not answer, or is asked too much, counts against its group.
    """
    done: Done[T, R] = Done()
    lock = threading.Lock()

    def lane(group: _Group[T]) -> None:
        while True:
            with lock:
                if not group.waiting or group.outages >= _OUTAGES or late():
                    return
                item = group.waiting.popleft()
            result = work(item)
            with lock:
                done.results.append(result)
                out = isinstance(result, Problem) and result.is_outage
                group.outages = group.outages + 1 if out else 0

    queues = [_Group(deque(items)) for items in groups.values()]
    lanes = [group for _ in range(_LANES) for group in queues]
    if lanes:
        with ThreadPoolExecutor(min(len(lanes), _THREADS)) as pool:
            list(pool.map(lane, lanes))
    done.undone.extend(item for group in queues for item in group.waiting)
    return done

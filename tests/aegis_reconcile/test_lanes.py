"""Much work at once, within bounds."""

import threading
from collections.abc import Hashable

from aegis_reconcile.lanes import in_lanes
from aegis_reconcile.plan.answers import Problem

DOWN = Problem("ProviderUnreachable", "no answer", again=True, reachable=False)


def never() -> bool:
    return False


def test_all_is_done_once_and_a_few_at_a_time() -> None:
    """Each group has four lanes, whatever the others do."""
    lock, at_work, most = threading.Lock(), [0], [0]
    together = threading.Barrier(4)

    def work(item: int) -> int:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        if item < 4:
            together.wait(10)
        with lock:
            at_work[0] -= 1
        return item

    done = in_lanes({"vault": range(100)}, work, never)
    assert sorted(done.results) == list(range(100))
    assert done.undone == []
    assert most[0] == 4


def test_slow_group_does_not_hold_the_others() -> None:
    """While one provider keeps its lanes waiting, the work of another is done."""
    go = threading.Event()

    def work(item: str) -> str:
        if item.startswith("quick"):
            if item == "quick-9":
                go.set()
            return item
        assert go.wait(10)
        return item

    groups: dict[Hashable, list[str]] = {
        "slow": [f"slow-{n}" for n in range(8)],
        "quick": [f"quick-{n}" for n in range(10)],
    }
    assert len(in_lanes(groups, work, never).results) == 18


def test_provider_that_is_down_is_left_in_peace() -> None:
    """After a few calls without an answer the rest waits for the next time; an answer in between counts."""
    asked: list[int] = []

    def work(item: int) -> Problem | None:
        asked.append(item)
        return DOWN

    done = in_lanes({"vault": range(1000)}, work, never)
    assert len(asked) <= 6
    assert sorted([*asked, *done.undone]) == list(range(1000))
    mixed = in_lanes({"vault": range(60)}, lambda item: None if item % 2 else DOWN, never)
    assert mixed.undone == [] or len(mixed.results) > 3
    refused = Problem("ProviderRefused", "no", reachable=True)
    assert in_lanes({"vault": range(60)}, lambda _: refused, never).undone == []


def test_nothing_is_begun_when_it_is_late() -> None:
    """What there is no time for is handed back."""
    done = in_lanes({"a": [1, 2], "b": [3]}, lambda item: item, lambda: True)
    assert (done.results, sorted(done.undone)) == ([], [1, 2, 3])
    assert in_lanes({}, str, never).results == []

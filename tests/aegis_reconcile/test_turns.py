"""One piece of work per object at a time."""

import threading

import pytest

from aegis_reconcile.turns import Turns


def test_events_that_repeat_are_done_by_one_that_waits() -> None:
    """One works, one waits, and all others are done with: the one that waits looks after they came."""
    turns, entered, go = Turns(), threading.Event(), threading.Event()
    done: list[str] = []

    def slow() -> str:
        entered.set()
        assert go.wait(10)
        done.append("first")
        return "first"

    def quick() -> str:
        done.append("second")
        return "second"

    first = threading.Thread(target=turns.take, args=("cart", slow))
    first.start()
    assert entered.wait(10)
    second = threading.Thread(target=turns.take, args=("cart", quick))
    second.start()
    while not any(turn.waiting for turn in turns._turns.values()):
        second.join(0.001)
    assert [turns.take("cart", quick) for _ in range(100)] == [None] * 100
    assert turns.take("other", lambda: "another object") == "another object"
    go.set()
    first.join(10)
    second.join(10)
    assert done == ["first", "second"]
    assert not turns._turns, "nothing is kept of work that is done"


def test_work_that_fails_lets_the_next_one_in() -> None:
    """An error goes to whom it concerns, and the turn goes on."""
    turns = Turns()
    with pytest.raises(KeyError):
        turns.take("cart", lambda: dict[str, str]()["x"])
    assert turns.take("cart", lambda: "again") == "again"

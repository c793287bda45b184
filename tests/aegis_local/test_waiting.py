"""Waiting with a deadline."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from aegis_local.waiting import TooLate, until


def test_waiting_ends_when_it_holds() -> None:
    """It is looked at again and again."""
    clock, answers = Clock(), iter([False, False, True])

    async def holds() -> bool:
        return next(answers)

    task = Deferred.fromCoroutine(until(clock, holds, 5, "it"))
    clock.pump([0.05] * 3)
    assert task.called


def test_waiting_in_vain_says_for_what() -> None:
    """After the deadline."""
    clock = Clock()

    async def never() -> bool:
        return False

    task = Deferred.fromCoroutine(until(clock, never, 5, "the moon"))
    reasons: list[Failure] = []
    task.addErrback(reasons.append)
    clock.pump([0.05] * 110)
    with pytest.raises(TooLate, match="waited 5 s in vain for the moon"):
        reasons[0].raiseException()

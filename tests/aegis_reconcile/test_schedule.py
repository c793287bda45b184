"""When an Identity is asked about again, and in which order a tick looks."""

from bisect import bisect_left
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_reconcile.schedule import PERIOD, is_due, urgency

NOW = "2026-01-01T12:00:00Z"
FINALIZER = "aegisproxy.io/provider"


def identity(
    uid: str = "u1", last: str | None = NOW, ready: str | None = "True", seen: bool = True, held: bool = True
) -> dict[str, Any]:
    conditions = (
        [{"type": "Ready", "status": ready, "reason": "R", "message": "m", "lastTransitionTime": NOW}] if ready else []
    )
    return {
        "metadata": {"uid": uid, "generation": 2, "finalizers": [FINALIZER] if held else []},
        "status": {
            "conditions": conditions,
            "observedGeneration": 2 if seen else 1,
            **({"lastCheckTime": last} if last else {}),
        },
    }


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_is_not_as_it_should_be_is_due() -> None:
    """Whenever it was asked about last."""
    assert is_due(identity(ready="False"), NOW)
    assert is_due(identity(ready=None), NOW)
    assert is_due(identity(seen=False), NOW)
    assert not is_due(identity(), NOW)


def test_what_has_nothing_at_a_provider_is_never_due() -> None:
    """There is nothing there that could have drifted."""
    assert not is_due(identity(held=False, last=None), NOW)


@pytest.mark.parametrize("last", [None, "", "yesterday", "2026-01-01", "2099-01-01T00:00:00Z"])
def test_a_time_that_is_none_or_lies_ahead_is_due(last: str | None) -> None:
    """Nobody knows then when it was."""
    assert is_due(identity(last=last), NOW)


@given(
    uid=st.uuids().map(str),
    start=st.integers(0, 4_000_000_000),
    asked=st.integers(0, PERIOD),
    later=st.integers(0, 10**6),
)
def test_each_is_asked_about_once_in_a_period(uid: str, start: int, asked: int, later: int) -> None:
    """Whenever it was asked about: the next time is one and the same moment of the period, at most a period away."""
    last = start + asked
    wait = bisect_left(range(PERIOD + 1), True, key=lambda seconds: is_due(identity(uid, at(last)), at(last + seconds)))
    assert 0 < wait <= PERIOD
    assert not is_due(identity(uid, at(last)), at(last + wait - 1))
    assert is_due(identity(uid, at(last)), at(last + wait + later)), "once due, it stays so until it was asked about"
    first = last + wait
    assert not is_due(identity(uid, at(first)), at(first + PERIOD - 1))
    assert is_due(identity(uid, at(first)), at(first + PERIOD))


def test_the_load_is_even() -> None:
    """Of 1,000 that were asked about in the same second, about 100 are due in each minute of the period."""
    start, known = 1_800_000_000, [identity(f"uid-{number}", at(1_800_000_000)) for number in range(1000)]
    due = [sum(is_due(each, at(start + minute * 60)) for each in known) for minute in range(PERIOD // 60 + 1)]
    loads = [later - earlier for earlier, later in pairwise(due)]
    assert sum(loads) == len(known)
    assert 70 < min(loads) <= max(loads) < 130


def test_order_of_a_tick() -> None:
    """Who was never looked at, then who is in trouble, then who was asked about longest ago."""
    new = identity("new", seen=False)
    trouble = [identity(f"trouble-{number}", ready="False") for number in range(8)]
    old, older = identity("old", "2026-01-01T11:00:00Z"), identity("older", "2026-01-01T10:00:00Z")
    order = sorted([old, *trouble, older, new], key=urgency(NOW))
    assert order[0] == new
    assert order[-2:] == [older, old]
    assert sorted(trouble, key=urgency(NOW)) != sorted(trouble, key=urgency("2026-01-01T12:01:00Z"))

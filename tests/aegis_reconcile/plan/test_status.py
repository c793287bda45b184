"""A status is written when it says something new, and only then."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_reconcile.objects import IDENTITY, Key
from aegis_reconcile.plan.actions import Action, Announce, WriteStatus
from aegis_reconcile.plan.status import READY, condition, condition_of, seen, settled, write_status

KEY = Key(IDENTITY, "shop", "cart")


def document(status: object = None, generation: int = 1) -> dict[str, Any]:
    metadata = {"name": "cart", "namespace": "shop", "generation": generation, "resourceVersion": "7", "uid": "u"}
    return {"metadata": metadata, **({} if status is None else {"status": status})}


def write(
    there: dict[str, Any], ready: bool | None, message: str, now: str, refresh: bool = False
) -> tuple[Action, ...]:
    return write_status(KEY, there, {}, [condition(there, READY, ready, "Reason", message)], now, refresh)


def status_of(actions: tuple[Action, ...]) -> dict[str, Any]:
    assert isinstance(actions[0], WriteStatus)
    return dict(actions[0].status)


def test_time_of_a_condition_is_that_of_its_turn() -> None:
    """A status that stays keeps its time through other changes; one that turns gets the present one."""
    first = status_of(write(document(), True, "good", "t1"))
    second = status_of(write(document(first, 2), True, "better", "t2"))
    assert second["conditions"][0]["lastTransitionTime"] == "t1"
    third = status_of(write(document(second, 2), False, "bad", "t3"))
    assert third["conditions"][0]["lastTransitionTime"] == "t3"


def test_new_text_alone_waits_for_a_refresh() -> None:
    """Without refresh a mere change of words is not written; with a new generation it is."""
    there = document(status_of(write(document(), False, "trace 1", "t1")))
    assert write(there, False, "trace 2", "t2") == ()
    assert status_of(write(there, False, "trace 2", "t2", refresh=True))["conditions"][0]["message"] == "trace 2"
    there["metadata"]["generation"] = 2
    assert status_of(write(there, False, "trace 2", "t2"))["conditions"][0]["message"] == "trace 2"


def test_turn_is_announced_and_repetition_is_not() -> None:
    """Readers hear of a change of status or reason, once."""
    first = write(document(), None, "wait", "t1")
    assert isinstance(first[1], Announce)
    assert first[1].type == "Warning"
    again = write(document(status_of(first), 2), None, "wait", "t2")
    assert len(again) == 1


def test_messages_are_cut_to_a_screen() -> None:
    """A provider's long error does not fill the object."""
    message = status_of(write(document(), False, "x" * 5000, "t"))["conditions"][0]["message"]
    assert len(message) == 1024
    assert message.endswith("...")


@pytest.mark.parametrize(
    ("status", "is_seen", "is_settled"),
    [
        (None, False, False),
        ("odd", False, False),
        ({"observedGeneration": 1}, True, False),
        ({"observedGeneration": 1, "conditions": "odd"}, True, False),
        ({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}, True, False),
        (
            {
                "observedGeneration": 1,
                "conditions": [{"type": "Ready", "status": "True", "reason": "R", "message": ""}],
            },
            True,
            True,
        ),
        (
            {
                "observedGeneration": 0,
                "conditions": [{"type": "Ready", "status": "True", "reason": "R", "message": ""}],
            },
            False,
            False,
        ),
    ],
)
def test_settled_is_ready_in_the_present_generation(status: object, is_seen: bool, is_settled: bool) -> None:
    """Anything unclear in a status counts as not settled."""
    assert seen(document(status)) is is_seen
    assert settled(document(status)) is is_settled


def test_condition_is_found_by_its_type() -> None:
    """An absent condition is None."""
    there = document(status_of(write(document(), True, "good", "t")))
    found = condition_of(there, READY)
    assert found is not None
    assert found.message == "good"
    assert condition_of(there, "Other") is None


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["conditions", "type", "status", "x"]), inner),
    max_leaves=10,
)


@given(_ODD, st.sampled_from([True, False, None]), st.text(), st.booleans())
def test_write_is_idempotent(there: object, ready: bool | None, message: str, refresh: bool) -> None:
    """Whatever the status was: after one write the same plan is empty."""
    before = document(there)
    actions = write(before, ready, message, "t1", refresh)
    after = document(status_of(actions))
    assert write(after, ready, message, "t2", refresh) == ()

"""Status conditions."""

import pytest

from aegis_api.conditions import Condition, merge_conditions, read_conditions

READY = Condition("Ready", True, "Trusted", "the keys are known", 3, "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(("status", "text"), [(True, "True"), (False, "False"), (None, "Unknown")])
def test_what_is_written_is_read_again(status: bool | None, text: str) -> None:
    """A condition survives the way through JSON."""
    condition = Condition("Ready", status, "Because", "a sentence", 7, "2026-01-01T00:00:00Z")
    document = condition.to_json()
    assert document["status"] == text
    assert read_conditions({"conditions": [document]}) == (condition,)


@pytest.mark.parametrize("status", [None, [], {}, {"conditions": {}}, {"conditions": None}])
def test_no_conditions(status: object) -> None:
    """A status without a list of conditions has none."""
    assert read_conditions(status) == ()


def test_unreadable_conditions_are_dropped_and_the_others_kept() -> None:
    """A damaged condition does not hide its neighbours; optional members may be absent."""
    items = [1, {"type": "Ready"}, {"type": "Ready", "status": "True", "reason": "A", "message": ""}]
    assert read_conditions({"conditions": items}) == (Condition("Ready", True, "A", "", 0),)


@pytest.mark.parametrize(
    ("after", "since"),
    [
        (Condition("Ready", True, "Else", "else", 4), READY.since),
        (Condition("Ready", False, "Trusted", "lost", 4), "now"),
        (Condition("Other", True, "Trusted", "new", 4), "now"),
    ],
    ids=["status stays", "status changes", "unknown before"],
)
def test_the_time_of_the_last_change_is_kept_while_the_status_stays(after: Condition, since: str) -> None:
    """lastTransitionTime moves with the status and with nothing else."""
    (merged,) = merge_conditions([READY], [after], "now")
    assert merged.since == since
    assert (merged.type, merged.status, merged.reason) == (after.type, after.status, after.reason)


def test_a_condition_without_a_time_gets_one() -> None:
    """A condition that somebody wrote without a time is timed now."""
    untimed = Condition("Ready", True, "Trusted", "", 1)
    assert merge_conditions([untimed], [untimed], "now")[0].since == "now"

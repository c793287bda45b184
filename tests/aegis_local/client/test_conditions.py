"""Status conditions."""

from aegis_local.client.conditions import Holds, conditions, timestamp


def test_times_are_rfc_3339() -> None:
    """In UTC, without fractions."""
    assert timestamp(1.9) == "1970-01-01T00:00:01Z"


def test_a_condition_changes_its_time_with_its_status_only() -> None:
    """A new message is no transition."""
    before = conditions([], [Holds("A", True), Holds("B", False, "Why", "because"), Holds("C", None)], "1")
    after = conditions(before, [Holds("A", True, message="still"), Holds("B", True), Holds("C", None)], "2")
    assert [found["lastTransitionTime"] for found in after] == ["1", "2", "1"]
    assert [found["status"] for found in after] == ["True", "True", "Unknown"]
    assert before[1] == {
        "type": "B",
        "status": "False",
        "reason": "Why",
        "message": "because",
        "lastTransitionTime": "1",
    }

"""One word for all that is left."""

from aegis_reconcile.outcome import Later, first
from aegis_reconcile.plan.answers import Problem


def test_first_trouble_speaks_and_the_longest_wait_counts() -> None:
    """The source of events hears one reason, and waits as long as any of them asked for."""
    assert first([]) is None
    assert first([None, None]) is None
    assert first([None, Later("a"), Problem("R", "b", again=True, retry_after=7), Later("c", 3)]) == Later("a", 7)
    assert first([Problem("R", "b")]) == Later("b", None)

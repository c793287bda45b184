"""The errors of the API server say what their catcher can do."""

from aegis_reconcile.cluster import ClusterError, Conflict, Rejected, TryAgain


def test_conflict_is_tried_again_and_a_refusal_is_not() -> None:
    """A caller that catches TryAgain gets conflicts too, and never what is refused for good."""
    assert issubclass(Conflict, TryAgain)
    assert not issubclass(Rejected, TryAgain)
    assert issubclass(Rejected, ClusterError)
    assert TryAgain("busy", 3).retry_after == 3
    assert TryAgain("busy").retry_after is None

"""What admission decides."""

from aegis_webhook.decision import Inject, SkipReason


def test_every_reason_is_a_sentence_for_people() -> None:
    """Why a pod was left alone is answered in words, each of its own."""
    sentences = [reason.value for reason in SkipReason]
    assert len(set(sentences)) == len(sentences)
    assert all(" " in sentence for sentence in sentences)


def test_a_pod_is_not_shown() -> None:
    """A pod may hold secrets in its variables, so a decision's repr leaves it out."""
    assert "hunter2" not in repr(Inject({"spec": "hunter2"}))

"""What a refusal carries."""

import pytest

from aegis_proxy.core.token_refusal import Reason, TokenRefused, quoted


def test_a_reason_is_one_word_in_snake_case() -> None:
    """Reasons are labels of metrics: each is its own name in lower case."""
    assert {reason.value: reason.name for reason in Reason} == {reason.name.lower(): reason.name for reason in Reason}


def test_the_text_is_reason_and_detail() -> None:
    """A refusal reads well in a log, and keeps what a refetch of keys needs."""
    refused = TokenRefused(Reason.UNKNOWN_KEY, "no key", issuer="https://a", kid="k\n")
    assert str(refused) == "unknown_key: no key"
    assert (refused.reason, refused.detail, refused.issuer, refused.kid) == (
        Reason.UNKNOWN_KEY,
        "no key",
        "https://a",
        "k\n",
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [("k1", "'k1'"), ("a\r\nb", r"'a\r\nb'"), ("\u212a", r"'\u212a'"), ("x" * 65, "'" + "x" * 64 + "'...")],
)
def test_a_strangers_text_is_escaped_and_cut(text: str, shown: str) -> None:
    """J43: what a stranger chose cannot break a log line, nor fill the log."""
    assert quoted(text) == shown

"""Quotes without secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_idp.redaction import quoted, scrub
from aegis_idp.values import Secret

printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


def test_what_holds_no_secret_is_left() -> None:
    """A provider's explanation reaches the operator as it is."""
    assert (
        quoted("the audience aegis is not allowed", (Secret("abcdefgh.ijklmnop"),))
        == "the audience aegis is not allowed"
    )


def test_a_secret_is_taken_out() -> None:
    """Once or twice, whole or in part: one mask for each run."""
    secret = Secret("abcdefghijklmnopqrstuvwxyz")
    text = "bad assertion abcdefghijklmnopqrstuvwxyz (starts with abcdefghij, ends with stuvwxyz)"
    assert quoted(text, (secret,)) == "bad assertion *** (starts with ***, ends with ***)"


def test_a_short_secret_is_taken_out_whole() -> None:
    """A password of four letters is one as well; an empty one hides nothing."""
    assert quoted("wrong password: pass1", (Secret("ss1"), Secret(""))) == "wrong password: pa***"


def test_a_token_of_somebody_else_is_taken_out_whole() -> None:
    """Even where a part of it is a part of the secret, too: the rest would no longer look like a token."""
    common = "c3lzdGVtOnNl"
    assert quoted(f"no eyJhbGciOi.eyJz{common}cnZpY2U.c2lnbmF0dXJl", (Secret(f"YWJj{common}ZGVm"),)) == "no ***"


def test_controls_and_other_letters_become_spaces() -> None:
    """A log line stays one line, whatever the provider sends."""
    assert quoted("a\r\nb\x00c\u202ed", ()) == "a  b c d"


def test_a_long_text_is_cut() -> None:
    """300 characters are enough for a sentence."""
    assert quoted("x" * 301, ()) == "x" * 300 + "..."


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("got eyJhbGciOiJ9.eyJzdWIiOiJ9.c2ln!", "got ***!"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ('{"token":"hvs.CAESIJ"}', '{"token":"***"}'),
        ("wanted jwt_bearer or none", "wanted jwt_bearer or none"),
        ("eyJ is short, and so is a bearer", "eyJ is short, and so is a bearer"),
    ],
)
def test_what_looks_like_a_token_is_taken_out(text: str, left: str) -> None:
    """Whosever it is."""
    assert scrub(text) == left


@given(before=printable, secret=printable, after=printable)
def test_no_eight_characters_of_a_secret_are_left(before: str, secret: str, after: str) -> None:
    """However a text quotes a secret, no part of eight characters shows."""
    text = quoted(f"{before} {secret} {after}", (Secret(secret),))
    window = min(8, len(secret))
    parts = {secret[start : start + window] for start in range(len(secret) - window + 1)}
    assert not any(part in text for part in parts if "*" not in part)

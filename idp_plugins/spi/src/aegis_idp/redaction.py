"""Takes secrets out of text that others wrote: a provider's error may quote the very token it refuses."""

import re
from collections.abc import Iterable

from aegis_idp.values import Secret

_CREDENTIAL = re.compile(r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*|hvs\.[A-Za-z0-9_.-]+|(?<=\b[Bb]earer )[^\s\"\\]+")

_WINDOW = 8
_LENGTH = 300
_MASK = "***"


def quoted(text: str, secrets: Iterable[Secret]) -> str:
    """At most 300 printable ASCII characters of `text`, without any 8 in a row that one of `secrets` holds, and without
    what looks like a token.

    A secret shorter than that is taken out whole.
    """
    # First, for a token of which a part is hidden looks like none any more.
    text = scrub("".join(char if " " <= char <= "~" else " " for char in text))
    hidden = [False] * len(text)
    for secret in secrets:
        _hide(text, secret.reveal(), hidden)
    shown = "".join(_MASK if first else "" if hide else char for char, hide, first in _runs(text, hidden))
    return shown if len(shown) <= _LENGTH else shown[:_LENGTH] + "..."


def scrub(text: str) -> str:
    """`text` without what looks like a token. Belt and braces: nothing should have put one there."""
    return _CREDENTIAL.sub("***", text)


def _hide(text: str, secret: str, hidden: list[bool]) -> None:
    window = min(_WINDOW, len(secret))
    if not window:
        return
    parts = {secret[start : start + window] for start in range(len(secret) - window + 1)}
    for start in range(len(text) - window + 1):
        if text[start : start + window] in parts:
            hidden[start : start + window] = [True] * window


def _runs(text: str, hidden: list[bool]) -> Iterable[tuple[str, bool, bool]]:
    """Each character, whether it is hidden, and whether a hidden run starts there."""
    before = False
    for char, hide in zip(text, hidden, strict=True):
        yield char, hide, hide and not before
        before = hide

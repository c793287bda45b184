"""Searches what programs wrote for tokens, and remembers what it found until the end of the run."""

import re
from collections.abc import Iterable, Iterator

import pytest

# A part of a secret this long does not come about by chance.
WINDOW = 12

_SHAPES = re.compile(r"eyJ[A-Za-z0-9_-]{6,}|hvs\.[A-Za-z0-9]|[Bb]earer (?!\*\*\*|realm=)[A-Za-z0-9._~+/-]{8,}")
_RUNS = re.compile(rf"[A-Za-z0-9_-]{{{WINDOW},}}")

found: list[str] = []
"""What was found in the outputs of this run, in words without the secrets themselves."""

_signatures: set[str] = set()


def remember(signature: str) -> None:
    """Has every output searched for the beginning of this signature, in base64url."""
    _signatures.add(signature[:WINDOW])


def leaks(text: str, secrets: Iterable[str] = ()) -> list[str]:
    """What in `text` looks like a token, is a part of a token's signature that was minted here, or of `secrets`."""
    here = [f"looks like a token: {match[0][:8]}..." for match in _SHAPES.finditer(text)]
    parts = {part: secret for secret in secrets for part in _parts(secret)} | dict.fromkeys(_signatures, "a signature")
    for run in _RUNS.findall(text):
        for start in range(len(run) - WINDOW + 1):
            part = run[start : start + WINDOW]
            if part in parts:
                here.append(f"a part of a secret: {part[:4]}...")
    return here


def _parts(secret: str) -> Iterable[str]:
    """All parts of each word of a secret: of a token, of its three segments."""
    for word in _RUNS.findall(secret):
        yield from (word[start : start + WINDOW] for start in range(len(word) - WINDOW + 1))


def search(name: str, text: str) -> None:
    """Remembers what is wrong with the output of a program that ended."""
    found.extend(f"{name}: {leak}" for leak in leaks(text))


@pytest.fixture(scope="session", autouse=True)
def outputs_hold_no_token() -> Iterator[None]:
    """S01: at the end of the run, whatever proxies wrote meanwhile has been searched. For the conftest of a folder.

    It comes first and so ends last, when all programs have ended.
    """
    yield
    assert found == []

"""How answers are shown. What the stage does is tested by the demo itself (test_demo.py)."""

import json
from typing import Any

import pytest

from aegis_local.demo.requests import Answer
from aegis_local.demo.stage import described


def answer(status: int, body: Any = "", challenge: str = "") -> Answer:
    return Answer(status, challenge, json.dumps(body).encode() if body else b"")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (answer(200, {"service": "a"}), "200 a"),
        (answer(200, {"service": "a", "next": {"service": "b", "next": {"service": "c"}}}), "200 a>b>c"),
        (answer(200, {"service": "a", "next": {"refused": 503}}), "200 a>refused 503"),
        (answer(200, {"service": "a", "next": {"failed": "URLError"}}), "200 a>failed: URLError"),
        (answer(200, {"other": 1}), "200 and an answer of somebody else"),
        (answer(200, [1]), "200 and an answer of somebody else"),
        (Answer(200, "", b"<html>"), "200 and an answer of somebody else"),
        (answer(401, challenge="Bearer realm=x"), "401, Bearer challenge"),
        (answer(401, challenge="Basic"), "401 without a challenge"),
        (answer(403), "403"),
        (answer(503), "503"),
    ],
)
def test_answers_as_the_table_shows_them(given: Answer, text: str) -> None:
    """Status, challenge, and the services that answered."""
    assert described(given) == text

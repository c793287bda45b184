"""Refusals of an API server."""

import json

from aegis_local.client.errors import refusal


def test_a_status_object_tells_reason_and_message() -> None:
    """And the text shows the code."""
    body = json.dumps({"kind": "Status", "reason": "NotFound", "message": "there is none"}).encode()
    error = refusal(404, body)
    assert (error.code, error.reason, error.message) == (404, "NotFound", "there is none")
    assert str(error) == "there is none (the API server answered 404)"


def test_any_other_body_is_the_message() -> None:
    """Up to a sensible length."""
    assert refusal(502, b"<html>" + b"x" * 1000).message == "<html>" + "x" * 494
    assert refusal(500, b"[1]").message == "[1]"

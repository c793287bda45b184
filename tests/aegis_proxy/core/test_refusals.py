import json
from http import HTTPStatus

import pytest

from aegis_proxy.core import refusals
from aegis_proxy.core.refusals import BAD_TOKEN, CLOSED, NO_TOKEN, NOT_ALLOWED, TRACE_REFUSED, Refusal, Refused, answer
from support.raw_client import field_value

ALL = [each for each in vars(refusals).values() if isinstance(each, Refusal)]


def test_codes_name_one_refusal_each() -> None:
    """Logs and metrics tell them apart."""
    assert len(ALL) > 20
    assert len({each.code for each in ALL}) == len(ALL)


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.code)
def test_each_refusal_is_one_whole_answer(refusal: Refusal) -> None:
    """Its body says the status and the decision, and never why."""
    whole = answer(refusal, "0123", close=True)
    head, _, body = whole.partition(b"\r\n\r\n")
    head += b"\r\n"
    assert head.startswith(b"HTTP/1.1 %d " % refusal.status)
    assert field_value(head, b"content-length") == str(len(body)).encode()
    assert field_value(head, b"connection") == b"close"
    phrase = HTTPStatus(refusal.status).phrase.lower()
    assert json.loads(body) == {"status": refusal.status, "error": phrase, "decision": "0123"}
    assert (field_value(head, b"www-authenticate") is not None) is (refusal.status == 401)
    assert (field_value(head, b"retry-after") is not None) is (refusal.status == 503)
    assert (field_value(head, b"allow") is not None) is (refusal.status == 405)


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.code)
def test_what_leaves_the_framing_unknown_ends_the_connection(refusal: Refusal) -> None:
    """The statuses of the design, and a loop, which would come round again."""
    assert refusal.closes is (refusal.status in (400, 405, 408, 411, 413, 414, 417, 431, 501, 505, 508))


def test_challenges_are_those_of_rfc_6750() -> None:
    """Without a token there is no error to name (section 3.1)."""
    assert b'\r\nWWW-Authenticate: Bearer realm="aegis"\r\n' in answer(NO_TOKEN, "x", close=False)
    assert b'Bearer realm="aegis", error="invalid_token"\r\n' in answer(BAD_TOKEN, "x", close=False)


def test_an_open_connection_is_not_closed() -> None:
    """Only where it is asked for."""
    assert b"Connection" not in answer(NOT_ALLOWED, "x", close=False)


def test_a_head_is_answered_without_a_body() -> None:
    """With the length that the body would have (RFC 9110 section 9.3.2)."""
    assert answer(CLOSED, "x", close=False).startswith(answer(CLOSED, "x", close=False, head_only=True))
    assert answer(CLOSED, "x", close=False, head_only=True).endswith(b"\r\n\r\n")


def test_a_refusal_says_why_to_the_log() -> None:
    """A finer reason takes the place of the code."""
    assert str(Refused(TRACE_REFUSED)) == "trace_refused"
    assert str(Refused(TRACE_REFUSED, "TRACE")) == "trace_refused: TRACE"
    assert Refused(TRACE_REFUSED).reason == "trace_refused"
    assert Refused(BAD_TOKEN, "", "expired").reason == "expired"

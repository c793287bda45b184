"""Answers, and what they mean."""

import json
from urllib.parse import parse_qs

import pytest

from aegis_idp.blocking import run
from aegis_idp.errors import Refused, Throttled, Unavailable
from aegis_idp.http import Response, ask_json, post_form
from aegis_idp.values import Secret
from support.fake_http import FakeHttp, answer


def test_a_good_answer_is_its_object() -> None:
    """Any 2xx with a JSON object is a good answer."""
    assert answer({"a": 1}).good_answer("x") == {"a": 1}
    assert answer({"a": 1}, 201).good_answer("x") == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"5", b"null", b"\xff", b"[" * 100_000, b'{"a":'])
def test_what_is_no_object_is_no_answer(body: bytes) -> None:
    """A page of a box in between says nothing about the provider."""
    with pytest.raises(Unavailable, match=r"^the keys: the answer \(status 200, text/html\) is not a JSON object$"):
        Response(200, {"content-type": "text/html"}, body).good_answer("the keys")


def test_a_bare_answer_has_no_content_type() -> None:
    """The error says so instead of leaving a gap."""
    with pytest.raises(Unavailable, match="no content type"):
        Response(200, {}, b"").json_object("x")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_is_no_answer(status: int) -> None:
    """It is never followed, and the error says that it was one."""
    with pytest.raises(Unavailable, match=rf"redirect \({status}\)"):
        answer({}, status, location="http://127.0.0.1/").good_answer("x")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
def test_trouble_passes(status: int) -> None:
    """What may go through later is Unavailable, with the delay that was asked for."""
    with pytest.raises(Unavailable, match=f"x: answered with status {status}$") as trouble:
        answer({}, status, retry_after="12").good_answer("x")
    assert trouble.value.retry_after == 12.0
    assert isinstance(trouble.value, Throttled) is (status == 429)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("1234567", None),
    ],
)
def test_a_delay_is_whole_seconds(text: str, seconds: float | None) -> None:
    """The date form and everything odd count as no wish."""
    assert Response(503, {"retry-after": text}, b"").retry_after() == seconds
    assert Response(503, {}, b"").retry_after() is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refusal_has_its_code(status: int) -> None:
    """RFC 6749 section 5.2: code and description come along."""
    with pytest.raises(
        Refused, match=rf"^x: answered with status {status}: invalid_client \(no such client\)$"
    ) as refusal:
        answer({"error": "invalid_client", "error_description": "no such client"}, status).good_answer("x")
    assert refusal.value.code == "invalid_client"


@pytest.mark.parametrize("body", [{}, {"error": 5, "error_description": ["x"]}, {"error": {"code": 403}}, [], "no"])
def test_a_refusal_without_code_is_one(body: object) -> None:
    """An error body of another shape changes nothing about the no."""
    with pytest.raises(Refused, match=r"^x: answered with status 403$") as refusal:
        answer(body, 403).good_answer("x")
    assert refusal.value.code == ""


def test_an_answer_below_200_is_none() -> None:
    """A status that no final answer has says nothing about the provider."""
    with pytest.raises(Unavailable, match="status 101"):
        answer({}, 101).good_answer("x")


def test_a_quoted_secret_does_not_show() -> None:
    """A server that repeats the assertion in its description does not put it into our log."""
    secret = Secret("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl")
    body = {"error": secret.reveal(), "error_description": f"cannot parse {secret.reveal()}"}
    with pytest.raises(Refused) as refusal:
        answer(body, 400).good_answer("x", secret)
    assert str(refusal.value) == "x: answered with status 400: *** (cannot parse ***)"
    assert "eyJ" not in refusal.value.code


def test_a_response_does_not_show_its_body() -> None:
    """A token in an answer does not reach a log by way of a repr."""
    assert "s3cret" not in repr(Response(200, {"x": "s3cret"}, b"s3cret"))


def test_a_form_is_posted_as_one() -> None:
    """RFC 6749 appendix B: names and values are encoded, and JSON is asked for."""
    http = FakeHttp({"https://i.example/token": answer({})})
    run(post_form(http, "https://i.example/token", {"a": "ü &=+", "b": ""}, {"authorization": "Basic x"}))
    (sent,) = http.sent
    assert parse_qs(sent.body.decode(), keep_blank_values=True) == {"a": ["ü &=+"], "b": [""]}
    assert sent.method == "POST"
    assert sent.headers == {
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
        "authorization": "Basic x",
    }


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            {"code": 403, "message": "no", "status": "PERMISSION_DENIED"},
            "PERMISSION_DENIED",
            r"PERMISSION_DENIED \(no\)",
        ),
        ({"code": "NotFound", "message": "gone"}, "NotFound", r"NotFound \(gone\)"),
        ({"code": 403, "message": 5}, "", "status 400$"),
        ({}, "", "status 400$"),
    ],
)
def test_a_clouds_api_has_its_own_form_of_refusal(error: object, code: str, said: str) -> None:
    """Google's and Microsoft's: an object with a code and a message."""
    with pytest.raises(Refused, match=said) as refusal:
        answer({"error": error}, 400).good_answer("x")
    assert refusal.value.code == code


def test_json_is_sent_and_wanted() -> None:
    """A body and a token are sent where there are any."""
    http = FakeHttp({"https://i.example/a": answer({})})
    run(ask_json(http, "POST", "https://i.example/a", {"b": [1]}, bearer=Secret("t"), headers={"prefer": "x"}))
    run(ask_json(http, "GET", "https://i.example/a"))
    posted, got = http.sent
    assert json.loads(posted.body) == {"b": [1]}
    assert posted.headers == {
        "accept": "application/json",
        "content-type": "application/json",
        "authorization": "Bearer t",
        "prefer": "x",
    }
    assert (got.method, got.headers, got.body) == ("GET", {"accept": "application/json"}, b"")

"""The token endpoint."""

import pytest

from aegis_idp.blocking import run
from aegis_idp.errors import Refused, Unavailable
from aegis_idp.oauth import fetch_token, jwt_of
from aegis_idp.values import Secret
from support.fake_http import FakeHttp, answer

URL = "https://issuer.example/token"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


def test_a_token_is_fetched() -> None:
    """The access_token of the answer, as a secret."""
    http = FakeHttp({URL: answer({"access_token": JWT, "token_type": "Bearer"})})
    token = run(fetch_token(http, URL, {"grant_type": "x"}, headers={"authorization": "Basic y"}, secrets=()))
    assert token.reveal() == JWT
    assert http.sent[0].headers["authorization"] == "Basic y"


def test_a_refusal_hides_what_was_shown() -> None:
    """The error names the endpoint and the code, and keeps the assertion."""
    http = FakeHttp({URL: answer({"error": "invalid_grant", "error_description": f"bad: {JWT}"}, 400)})
    with pytest.raises(
        Refused, match=r"^the token endpoint https://issuer\.example/token: .* invalid_grant \(bad: \*\*\*\)$"
    ):
        run(fetch_token(http, URL, {"assertion": JWT}, secrets=(Secret(JWT),)))


@pytest.mark.parametrize("value", [None, 5, "", [], {}, [JWT]])
def test_an_answer_without_token_is_none(value: object) -> None:
    """What was asked for is not there: Unavailable, not a crash."""
    with pytest.raises(Unavailable, match="x: the answer holds no access_token"):
        jwt_of({"access_token": value}, "access_token", "x")


@pytest.mark.parametrize("token", ["opaque", "a.b", "a.b.c.d", "a.b.c\n", "a.b. c", "a..c", "ä.b.c", ".b.c"])
def test_an_opaque_token_is_refused(token: str) -> None:
    """A token that nobody can verify is of no use here, and the error says what to change."""
    with pytest.raises(Refused, match="opaque; let the provider issue signed JWTs") as refusal:
        jwt_of({"token": token}, "token", "x")
    assert token not in str(refusal.value).partition("opaque;")[0].split()

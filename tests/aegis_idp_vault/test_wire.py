"""One request to Vault."""

import pytest

from aegis_idp.blocking import run
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.errors import Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import Secret
from aegis_idp_vault.settings import VaultSettings
from aegis_idp_vault.wire import Vault, login
from support.fake_http import FakeHttp, answer

SETTINGS = VaultSettings("https://vault.example")
LOGIN = "https://vault.example/v1/auth/jwt/login"
ACCOUNT_TOKEN = Secret("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJvcmRlcnMifQ.c2lnbmF0dXJl")
AUTH = {"client_token": "hvb.a-token-of-vault", "entity_id": "0b0ab0a3-3a3b"}


def test_a_login_gives_a_token_and_an_entity() -> None:
    """The token is a secret from then on."""
    session = run(login(Vault(SETTINGS, FakeHttp({LOGIN: answer({"auth": AUTH})})), "aegis", ACCOUNT_TOKEN))
    assert session.entity == "0b0ab0a3-3a3b"
    assert session.vault.token is not None
    assert session.vault.token.reveal() == "hvb.a-token-of-vault"
    assert "hvb" not in repr(session)
    assert ACCOUNT_TOKEN.reveal() not in repr(session)


@pytest.mark.parametrize(
    "auth", [{}, {**AUTH, "client_token": ""}, {**AUTH, "client_token": "a\r\nb"}, {**AUTH, "entity_id": "../x"}, 5]
)
def test_an_answer_of_another_form(auth: object) -> None:
    """What becomes a header or a part of a path is checked."""
    with pytest.raises(Unavailable, match=r"holds no (client_token|entity_id)"):
        run(login(Vault(SETTINGS, FakeHttp({LOGIN: answer({"auth": auth})})), "aegis", ACCOUNT_TOKEN))


@pytest.mark.parametrize(
    ("response", "kind", "said"),
    [
        (answer({"errors": ["no\n\tway", 5]}, 400), Refused, r"status 400: no way; "),
        (answer({"errors": "no"}, 400), Refused, r"status 400; compare the settings"),
        (answer({"errors": ["required index state not present"]}, 412), Unavailable, r"status 412: required index"),
        (answer({"errors": ["Vault is sealed"]}, 503), Unavailable, r"Vault is sealed; unseal it"),
        (
            answer({"errors": ['request path "x": rate limit quota exceeded']}, 429, retry_after="3"),
            Unavailable,
            "quota",
        ),
        (Response(502, {}, b"<html>"), Unavailable, "status 502; look at its log"),
        (Response(307, {"location": "http://10.0.0.7"}, b""), Unavailable, "redirect"),
        (Response(200, {}, b"<html>"), Unavailable, "not a JSON object"),
    ],
)
def test_errors(response: Response, kind: type[Exception], said: str) -> None:
    """What Vault says comes along, in one line; and what may pass is told from what will not."""
    with pytest.raises(kind, match=said) as caught:
        run(Vault(SETTINGS, FakeHttp({LOGIN: response})).ask("POST", "auth/jwt/login", "the login", {}))
    assert getattr(caught.value, "retry_after", None) in (None, 3.0)


def test_what_vault_quotes_does_not_show() -> None:
    """Neither the ServiceAccount token nor Vault's own."""
    quotes = f"cannot parse {ACCOUNT_TOKEN.reveal()} nor hvb.a-token-of-vault"
    vault = Vault(
        SETTINGS, FakeHttp({LOGIN: answer({"errors": [quotes]}, 400)}), Secret("hvb.a-token-of-vault"), (ACCOUNT_TOKEN,)
    )
    with pytest.raises(Refused, match="cannot parse") as caught:
        run(vault.ask("POST", "auth/jwt/login", "the login", {}))
    assert_keeps((ACCOUNT_TOKEN, Secret("hvb.a-token-of-vault")), caught.value)

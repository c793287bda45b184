"""Calls of the admin API, and what is said where they fail."""

import json

import pytest

from aegis_idp.blocking import run
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import Secret
from aegis_idp_oidc.keycloak.admin import Admin, admin_url
from support.fake_http import FakeHttp, answer

URL = "https://idp.example/admin/realms/mesh"
CLIENTS = f"{URL}/clients?clientId=orders"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


def _admin(answers: dict[str, Response]) -> Admin:
    return Admin(FakeHttp(answers), URL, Secret(TOKEN))


def _listed(*values: object) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(values).encode())


def test_a_client_is_found_by_its_whole_id() -> None:
    """What only resembles it is none."""
    there = {"clientId": "orders", "id": "1"}
    assert run(_admin({CLIENTS: _listed({"clientId": "orders2"}, there)}).client("orders")) == there
    assert run(_admin({CLIENTS: _listed()}).client("orders")) is None


@pytest.mark.parametrize("body", [b"<html>", b'{"clientId": "orders"}', b"[5]", b"[" * 9999], ids=repr)
def test_what_is_no_list_is_no_answer(body: bytes) -> None:
    """A page of a box in between is not taken for an empty realm."""
    with pytest.raises(Unavailable, match="not a list of JSON objects"):
        run(_admin({CLIENTS: Response(200, {}, body)}).client("orders"))


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, {"error": "HTTP 403 Forbidden"}, r"403.*; give the service account of .* the role manage-clients"),
        (401, {"error": "HTTP 401 Unauthorized"}, r"401.*; it does not take a token of the issuer's realm"),
        (404, {"error": "Realm not found."}, r"Realm not found.*; is that the realm's admin URL\?"),
        (400, {"errorMessage": f"bad: {TOKEN}"}, r"400 \(bad: \*\*\*\); look at Keycloak's log"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, body: object, said: str) -> None:
    """Keycloak's own words, whichever member they are in, without the token, and the way out."""
    with pytest.raises(Refused, match=said) as refusal:
        run(_admin({CLIENTS: answer(body, status)}).client("orders"))
    assert TOKEN[10:22] not in str(refusal.value)


def test_what_others_made_meanwhile_is_tried_again() -> None:
    """Of two runs at once one makes the client; the other one looks again."""
    with pytest.raises(Unavailable, match="orders was made by somebody else meanwhile"):
        run(_admin({f"{URL}/clients": answer({}, 409)}).make_client({"clientId": "orders"}))
    with pytest.raises(Unavailable, match="does not say where the client is"):
        run(_admin({f"{URL}/clients": answer({}, 201)}).make_client({"clientId": "orders"}))


def test_the_admin_url_follows_from_the_issuer() -> None:
    """Unless it is another one, like an inner name."""
    assert admin_url("https://idp.example/auth/realms/mesh", None) == "https://idp.example/auth/admin/realms/mesh"
    assert admin_url("https://idp.example/realms/mesh", "http://kc.auth.svc/admin/realms/mesh/").endswith(
        "svc/admin/realms/mesh"
    )
    with pytest.raises(Misconfigured, match=r"set keycloak\.adminUrl"):
        admin_url("https://idp.example/", None)

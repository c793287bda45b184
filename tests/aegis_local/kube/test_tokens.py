from typing import Any

import jwt
import pytest

from aegis_local.kube.tokens import Bound, InvalidTokenError, TokenIssuer, claims, make_signing_key

ACCOUNT = {"metadata": {"name": "a", "namespace": "shop", "uid": "u-1"}}
URL = "https://127.0.0.1:1"
NOW = 1_800_000_000


def payload(**more: Any) -> dict[str, Any]:
    return claims(URL, ACCOUNT, [URL], 600, None, NOW, "id", None) | more


@pytest.fixture(scope="module")
def issuer() -> TokenIssuer:
    return TokenIssuer(URL)


def test_claims_are_those_of_kubernetes() -> None:
    """Registered claims, and the private one with the account and what the token is bound to."""
    found = claims(URL, ACCOUNT, ["x", "y"], 600, Bound("pod", "p", "u-2"), NOW, "id", NOW + 10)
    assert found == {
        "aud": ["x", "y"],
        "exp": NOW + 600,
        "iat": NOW,
        "iss": URL,
        "jti": "id",
        "kubernetes.io": {
            "namespace": "shop",
            "pod": {"name": "p", "uid": "u-2"},
            "serviceaccount": {"name": "a", "uid": "u-1"},
            "warnafter": NOW + 10,
        },
        "nbf": NOW,
        "sub": "system:serviceaccount:shop:a",
    }


def test_signed_token_is_verified(issuer: TokenIssuer) -> None:
    """For those audiences that it holds."""
    found, audiences = issuer.verify(issuer.sign(payload()), ["other", URL], NOW + 5)
    assert (found["sub"], audiences) == ("system:serviceaccount:shop:a", [URL])


def test_published_keys_verify_tokens(issuer: TokenIssuer) -> None:
    """As an identity provider's client does: discovery, key set, kid, signature."""
    token = issuer.sign(payload())
    assert issuer.discovery()["jwks_uri"] == f"{URL}/openid/v1/jwks"
    key = next(key for key in issuer.jwks()["keys"] if key["kid"] == jwt.get_unverified_header(token)["kid"])
    decoded = jwt.decode(
        token,
        jwt.PyJWK(key).key,
        ["RS256"],
        audience=URL,
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert decoded["jti"] == "id"


@pytest.mark.parametrize(
    ("change", "audiences", "now"),
    [
        ({}, [URL], NOW + 600),
        ({}, [URL], NOW - 60),
        ({}, ["other"], NOW),
        ({"iss": "https://other"}, [URL], NOW),
        ({"aud": None}, [URL], NOW),
    ],
)
def test_unfit_tokens_are_refused(issuer: TokenIssuer, change: dict[str, Any], audiences: list[str], now: int) -> None:
    """Expired, too early, for another audience, of another issuer, incomplete."""
    token = issuer.sign({key: value for key, value in payload(**change).items() if value is not None})
    with pytest.raises(InvalidTokenError) as refusal:
        issuer.verify(token, audiences, now)
    assert token not in str(refusal.value)


@pytest.mark.parametrize("token", ["", "a.b.c", "not a token"])
def test_what_is_no_token_is_refused(issuer: TokenIssuer, token: str) -> None:
    """Whatever the text is."""
    with pytest.raises(InvalidTokenError):
        issuer.verify(token, [URL], NOW)


def test_foreign_keys_are_refused(issuer: TokenIssuer) -> None:
    """A key of the same kid but other numbers, an unknown kid, no signature, a symmetric key."""
    foreign = make_signing_key()
    own = issuer.jwks()["keys"][0]["kid"]
    forged = jwt.encode(payload(), foreign.private, "RS256", {"kid": own})
    unknown = jwt.encode(payload(), foreign.private, "RS256", {"kid": foreign.kid})
    unsigned = jwt.encode(payload(), "", "none", {"kid": own})
    symmetric = jwt.encode(payload(), "k" * 64, "HS256", {"kid": own})
    for token in (forged, unknown, unsigned, symmetric):
        with pytest.raises(InvalidTokenError):
            issuer.verify(token, [URL], NOW)


def test_rotation_keeps_old_tokens_until_keys_retire() -> None:
    """Two keys are published, then one."""
    issuer = TokenIssuer(URL)
    old = issuer.sign(payload())
    issuer.rotate()
    assert len(issuer.jwks()["keys"]) == 2
    issuer.verify(old, [URL], NOW)
    issuer.retire()
    with pytest.raises(InvalidTokenError, match="does not have"):
        issuer.verify(old, [URL], NOW)
    issuer.verify(issuer.sign(payload()), [URL], NOW)


def test_private_keys_are_not_shown() -> None:
    """Not in a repr."""
    assert "private" not in repr(make_signing_key())

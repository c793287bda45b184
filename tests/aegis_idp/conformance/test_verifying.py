"""A token is judged as the proxy does."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.signing import SigningKey
from aegis_idp.conformance.verifying import TokenRefused, verified
from aegis_idp.values import KeySetDocument, Secret, Trust
from aegis_idp_template.plugin import TemplatePlugin

ORDERS = Subject("shop", "orders")
Make = Callable[..., ProviderUnderTest]


def _token(provider: ProviderUnderTest) -> Secret:
    provider.make_known(ORDERS)
    request = provider.mounts(ORDERS).request("aegis")
    return run(provider.plugin.acquire(provider.settings, request, provider.http))


def test_a_good_token_has_its_claims(make: Make) -> None:
    """They are given to judge further."""
    provider = make()
    assert verified(provider, _token(provider), "aegis")["sub"] == str(ORDERS)


@pytest.mark.parametrize(
    ("claims", "header", "reason"),
    [
        ({"aud": "other"}, {}, "InvalidAudienceError"),
        ({"iss": "https://other.example"}, {}, "InvalidIssuerError"),
        ({"exp": 1}, {}, "ExpiredSignatureError"),
        ({"exp": None}, {}, "MissingRequiredClaimError"),
        ({}, {"kid": "unknown"}, "0 keys have the token's kid"),
        ({}, {"typ": "logout+jwt"}, "the typ logout[+]jwt is not one"),
    ],
)
def test_a_bad_token_is_refused(make: Make, claims: dict[str, Any], header: dict[str, str], reason: str) -> None:
    """Each check of the proxy is made."""

    class Keys(TemplatePlugin):
        async def trust(self, settings: Any, http: Any) -> Trust:
            return Trust(settings.address, KeySetDocument({"keys": [key.jwk()]}), frozenset({"ES256"}))

    key = SigningKey.make()
    provider = make(Keys())
    good = jwt.decode(_token(provider).reveal(), options={"verify_signature": False})
    signed = key.sign({name: value for name, value in {**good, **claims}.items() if value is not None}, **header)
    with pytest.raises(TokenRefused, match=reason):
        verified(provider, Secret(signed), "aegis")
    assert verified(provider, Secret(key.sign(good)), "aegis") == good


def test_an_algorithm_that_trust_does_not_name_is_refused(make: Make) -> None:
    """Whatever key it is signed with."""
    provider = make()
    signed = SigningKey.make("ES384").sign({"sub": "a"})
    with pytest.raises(TokenRefused, match="ES384 is not one"):
        verified(provider, Secret(signed), "aegis")


def test_garbage_is_refused(make: Make) -> None:
    """What is no JWT at all is refused like the rest."""
    with pytest.raises(TokenRefused, match="DecodeError"):
        verified(make(), Secret("garbage"), "aegis")

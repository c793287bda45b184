"""The settings of a provider of the type `oidc`."""

from typing import Any

import pytest

from aegis_api.reading import Node, ParseError
from aegis_idp.settings import read_settings
from aegis_idp.values import ASYMMETRIC_ALGORITHMS
from aegis_idp_oidc.clients import ClientSecret
from aegis_idp_oidc.settings import OidcSettings

ISSUER = {"issuer": "https://issuer.example"}
SECRET = {"name": "aegis-{name}", "key": "secret"}


def _read(config: dict[str, Any]) -> OidcSettings:
    return read_settings(OidcSettings, Node({**ISSUER, **config}, "spec.config"))


def test_the_issuer_is_enough_to_check_tokens() -> None:
    """All asymmetric algorithms, a subject in `sub`, and nothing to get a token with."""
    settings = _read({})
    assert set(settings.algorithms) == ASYMMETRIC_ALGORITHMS
    assert settings.types == ("at+jwt",)
    assert settings.subject_claim == "sub"
    assert settings.grant is None
    assert settings.max_lifetime_seconds == 86400
    assert settings.shown_audience == "https://issuer.example"


def test_an_inline_key_set_is_kept_as_it_is() -> None:
    """Bad keys in it are dropped where keys are read, one by one."""
    keys = {"keys": [{"kty": "oct"}, {}], "other": 1}
    assert _read({"jwks": keys}).jwks == keys


def test_a_secret_has_a_name_and_a_key() -> None:
    """The name may follow the ServiceAccount."""
    config = {"grant": "client_credentials", "clientId": "aegis.{namespace}.{name}", "clientSecret": SECRET}
    assert _read(config).client_secret == ClientSecret("aegis-{name}", "secret", "client_secret_basic")


@pytest.mark.parametrize(
    ("config", "asks"),
    [
        ({}, True),
        ({"audienceParameter": "resource"}, True),
        ({"audienceParameter": "none"}, False),
        ({"audienceParameter": "none", "scope": "openid"}, False),
        ({"audienceParameter": "none", "scope": "openid aud:{audience}"}, True),
    ],
)
def test_whether_an_audience_is_asked_for(config: dict[str, Any], asks: bool) -> None:
    """By a parameter, or in the scope."""
    assert _read(config).asks_for_audience is asks


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"issuer": "http://issuer.example"}, "spec.config.issuer: got"),
        ({"issuer": "https://user:pw@issuer.example"}, "spec.config.issuer: got"),
        ({"jwks": {}}, "spec.config.jwks: got an empty object, wanted a JWK Set"),
        ({"jwks": {"keys": {}}}, "spec.config.jwks: "),
        ({"jwks": {"keys": ["a"]}}, "spec.config.jwks: "),
        ({"jwks": "keys"}, "spec.config.jwks: got"),
        ({"jwksUri": "http://issuer.example/keys"}, "spec.config.jwksUri: got"),
        ({"jwks": {"keys": []}, "jwksUri": "https://issuer.example/keys"}, "wanted jwks or jwksUri, not both"),
        ({"algorithms": []}, "spec.config.algorithms: got an empty list, wanted one or more of"),
        ({"algorithms": ["RS256", "HS256"]}, "spec.config.algorithms: got a list, wanted one or more of"),
        ({"algorithms": ["none"]}, "spec.config.algorithms: "),
        ({"types": ["AT+JWT"]}, "spec.config.types: got a list, wanted values of the typ header in lower case"),
        ({"subjectTemplate": "{name}"}, "spec.config.subjectTemplate: "),
        ({"grant": "password"}, "wanted client_assertion or jwt_bearer or token_exchange or client_credentials"),
        ({"tokenEndpoint": "http://issuer.example/token"}, "spec.config.tokenEndpoint: "),
        ({"clientId": "a{x}"}, "spec.config.clientId: "),
        ({"clientId": "ü"}, "wanted a client id of printable ASCII characters"),
        ({"clientId": "a", "clientSecret": {**SECRET, "name": "{namespace}"}}, "spec.config.clientSecret.name: "),
        ({"clientId": "a", "clientSecret": {**SECRET, "key": "../x"}}, 'clientSecret.key: got "../x", wanted a key of'),
        ({"scope": "{name}"}, "spec.config.scope: "),
        ({"audienceParameter": "aud"}, "wanted audience or resource or none"),
        ({"grant": "client_credentials"}, "wanted clientId, and clientSecret or clientKey, with the grant"),
        ({"grant": "client_credentials", "clientId": "a"}, "wanted clientId, and clientSecret or clientKey"),
        (
            {"grant": "client_credentials", "clientId": "a", "clientSecret": SECRET, "clientKey": SECRET},
            "wanted clientSecret or clientKey, not both",
        ),
        (
            {"grant": "client_assertion", "clientId": "a", "clientKey": SECRET},
            "wanted no clientSecret and no clientKey",
        ),
        ({"parameters": {"scope": "x", "audience": "y"}}, "wanted no audience, scope: that follows from the other"),
        ({"audienceTemplate": "{name}"}, "spec.config.audienceTemplate: "),
        (
            {"grant": "client_assertion", "clientId": "a", "clientSecret": SECRET},
            "wanted no clientSecret and no clientKey with the grant",
        ),
        ({"grant": "jwt_bearer", "clientSecret": SECRET}, "wanted clientId with clientSecret and clientKey"),
        ({"expirationSeconds": 100}, "spec.config.expirationSeconds: got 100"),
    ],
)
def test_bad_settings_are_refused(config: dict[str, Any], error: str) -> None:
    """The error names the path and what was wanted."""
    with pytest.raises(ParseError) as refusal:
        _read(config)
    assert error in str(refusal.value)

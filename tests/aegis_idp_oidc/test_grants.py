"""The request for a token."""

import base64
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_api.reading import Node
from aegis_idp.conformance.mounts import Mounts
from aegis_idp.errors import Misconfigured
from aegis_idp.settings import read_settings
from aegis_idp.values import PodContext, PodNeeds, ProjectedToken, Secret, SecretKey
from aegis_idp_oidc.grants import Ask, ask_for, needs_of
from aegis_idp_oidc.settings import OidcSettings

ISSUER = "https://issuer.example"
ORDERS = Subject("shop", "orders")
KEY = SecretKey("aegis-orders", "secret")
SECRET = {"name": "aegis-{name}", "key": "secret"}
DOTTED = {"clientId": "aegis.{namespace}.{name}"}


def _settings(**config: Any) -> OidcSettings:
    return read_settings(OidcSettings, Node({"issuer": ISSUER, **config}))


def _ask(settings: OidcSettings) -> Ask:
    mounts = Mounts(ORDERS, {settings.shown_audience: Secret("sa.to.ken")}, {KEY: Secret("p+w:d")})
    return ask_for(settings, mounts.request("stock.shop.svc"))


def _needs(settings: OidcSettings, *, each: bool = False) -> PodNeeds:
    return needs_of(settings, PodContext(ORDERS, "aegis", each, (HostPattern("*.svc"),)))


def test_a_client_assertion_is_the_service_account_token() -> None:
    """RFC 7523 section 2.2; the client id is optional, as the assertion names the client (RFC 7521 section 4.2)."""
    ask = _ask(_settings(grant="client_assertion"))
    assert ask.form == {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "sa.to.ken",
        "audience": "stock.shop.svc",
    }
    assert ask.headers == {}
    assert [secret.reveal() for secret in ask.secrets] == ["sa.to.ken"]
    assert ask.asked.client == str(ORDERS)
    assert _ask(_settings(grant="client_assertion", **DOTTED)).form["client_id"] == "aegis.shop.orders"


def test_a_bearer_grant_is_the_service_account_token() -> None:
    """RFC 7523 section 2.1; a client may authenticate beside it."""
    settings = _settings(grant="jwt_bearer", audienceParameter="resource", scope="read {audience}")
    assert _ask(settings).form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": "sa.to.ken",
        "resource": "stock.shop.svc",
        "scope": "read stock.shop.svc",
    }
    with_client = _ask(_settings(grant="jwt_bearer", clientSecret=SECRET, **DOTTED))
    assert "authorization" in with_client.headers
    assert "sa.to.ken" in [secret.reveal() for secret in with_client.secrets]


def test_a_secret_is_shown_in_the_header() -> None:
    """RFC 6749 section 2.3.1: id and secret are form-encoded first."""
    ask = _ask(_settings(grant="client_credentials", clientSecret=SECRET, audienceParameter="none", **DOTTED))
    assert ask.form == {"grant_type": "client_credentials"}
    encoded = base64.b64encode(b"aegis.shop.orders:p%2Bw%3Ad").decode()
    assert ask.headers == {"authorization": f"Basic {encoded}"}
    assert [secret.reveal() for secret in ask.secrets] == ["p+w:d", encoded]


def test_a_secret_is_shown_in_the_form() -> None:
    """The other way, for servers that want it."""
    settings = _settings(grant="client_credentials", clientSecret={**SECRET, "method": "client_secret_post"}, **DOTTED)
    ask = _ask(settings)
    assert (ask.form["client_id"], ask.form["client_secret"]) == ("aegis.shop.orders", "p+w:d")
    assert ask.headers == {}
    assert [secret.reveal() for secret in ask.secrets] == ["p+w:d"]


def test_what_is_asked_shows_no_secret() -> None:
    """An Ask in a log or a traceback keeps its parts."""
    for config in ({"grant": "client_assertion"}, {"grant": "client_credentials", "clientSecret": SECRET, **DOTTED}):
        assert not any(part in repr(_ask(_settings(**config))) for part in ("sa.to.ken", "p+w", "p%2B", "Basic"))


def test_a_pod_needs_what_is_shown() -> None:
    """The token, the Secret, or both."""
    token = ProjectedToken("https://keycloak.example/realms/a", 900)
    settings = {"assertionAudience": token.audience, "expirationSeconds": 900}
    assert _needs(_settings(grant="client_assertion", **settings)) == PodNeeds((token,))
    assert _needs(_settings(grant="jwt_bearer", clientSecret=SECRET, **settings, **DOTTED)) == PodNeeds(
        (token,), (KEY,)
    )
    assert _needs(_settings(grant="client_credentials", clientSecret=SECRET, **DOTTED)) == PodNeeds((), (KEY,))


def test_the_token_shown_is_for_the_issuer_by_default() -> None:
    """So it is good nowhere else."""
    assert _needs(_settings(grant="client_assertion")) == PodNeeds((ProjectedToken(ISSUER),))


def test_without_a_grant_there_is_no_token() -> None:
    """At admission and at run time the error says what to set."""
    for question in (_needs, _ask):
        with pytest.raises(Misconfigured, match=r"set config\.grant, to client_assertion"):
            question(_settings(jwks={"keys": []}))


def test_an_audience_per_destination_must_be_asked_for() -> None:
    """A server that is not told gives the same audience each time."""
    assert _needs(_settings(grant="client_assertion"), each=True) == PodNeeds((ProjectedToken(ISSUER),))
    with pytest.raises(Misconfigured, match=r"set config\.audienceParameter, or \{audience\} in config\.scope"):
        _needs(_settings(grant="client_assertion", audienceParameter="none"), each=True)


def test_a_token_exchange_shows_the_service_account_token() -> None:
    """RFC 8693 section 2.1; what the server wants besides goes along."""
    extra = {"connector_id": "kubernetes", "requested_token_type": "urn:ietf:params:oauth:token-type:access_token"}
    ask = _ask(_settings(grant="token_exchange", parameters=extra))
    assert ask.form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "sa.to.ken",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "audience": "stock.shop.svc",
        **extra,
    }
    assert [secret.reveal() for secret in ask.secrets] == ["sa.to.ken"]
    with_client = _ask(_settings(grant="token_exchange", clientSecret=SECRET, **DOTTED))
    assert "authorization" in with_client.headers


def test_a_key_signs_for_its_client() -> None:
    """private_key_jwt: the assertion names the client twice and is for the issuer; neither key nor assertion shows."""
    key = ec.generate_private_key(ec.SECP256R1())
    form, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    pem = Secret(key.private_bytes(encoding, form, serialization.NoEncryption()).decode())
    settings = _settings(grant="client_credentials", clientKey={**SECRET, "keyId": "key-1"}, **DOTTED)
    ask = ask_for(settings, Mounts(ORDERS, {}, {KEY: pem}).request("stock.shop.svc"))
    claims = jwt.decode(ask.form["client_assertion"], key.public_key(), algorithms=["ES256"], audience=ISSUER)
    assert (claims["iss"], claims["sub"]) == ("aegis.shop.orders", "aegis.shop.orders")
    assert ask.form["client_id"] == "aegis.shop.orders"
    assert [secret.reveal() for secret in ask.secrets] == [pem.reveal(), ask.form["client_assertion"]]
    assert ask.asked.credential == "its key"
    assert _needs(settings) == PodNeeds((), (KEY,))


def test_an_audience_is_spelt_as_the_server_wants_it() -> None:
    """RFC 8707 wants a URI."""
    settings = _settings(grant="client_assertion", audienceParameter="resource", audienceTemplate="urn:mesh:{audience}")
    assert _ask(settings).form["resource"] == "urn:mesh:stock.shop.svc"


def test_a_client_that_was_made_at_keycloak_asks_by_scope() -> None:
    """Its own scope for the audience, and no client id: Keycloak finds the client by the assertion."""
    made = {"subjectClaim": "azp", "subjectTemplate": "aegis.prod.{namespace}.{name}", "keycloak": {}}
    settings = _settings(
        **{**made, "issuer": f"{ISSUER}/realms/mesh"}, grant="client_assertion", audienceParameter="none"
    )
    form = _ask(settings).form
    assert form["scope"] == "aegis.prod.shop.orders:stock.shop.svc"
    assert not {"client_id", "audience", "resource"} & set(form)
    with pytest.raises(Misconfigured, match=r"\*\.svc stands for many"):
        _needs(settings, each=True)
    with pytest.raises(Misconfigured, match="cannot be a part of a scope"):
        needs_of(settings, PodContext(ORDERS, "two words", False, ()))

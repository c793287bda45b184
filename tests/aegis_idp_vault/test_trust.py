"""Whose tokens are good."""

from collections.abc import Mapping

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.errors import ClaimRefused, Unavailable
from aegis_idp.values import KeySetUrl
from aegis_idp_vault.settings import VaultSettings
from aegis_idp_vault.trust import subject_of, trust_of
from support.fake_http import FakeHttp, answer

BASE = "https://vault.example/v1/identity/oidc"
DOCUMENT = f"{BASE}/.well-known/openid-configuration"
SETTINGS = VaultSettings("https://vault.example")
CLAIMS = {"namespace": "root", "mount": "jwt", "name": "system:serviceaccount:shop:orders", "sub": "an-entity"}


def test_the_issuer_is_what_vault_calls_itself_and_the_keys_are_at_our_address() -> None:
    """Behind a load balancer `api_addr`, which is the default issuer, is the name of one server."""
    issuer = "http://10.0.0.7:8200/v1/identity/oidc"
    http = FakeHttp({DOCUMENT: answer({"issuer": issuer, "jwks_uri": "http://10.0.0.7:8200/elsewhere"})})
    trust = run(trust_of(SETTINGS, http))
    assert (trust.issuer, trust.key_set) == (issuer, KeySetUrl(f"{BASE}/.well-known/keys"))
    assert trust.types == frozenset()


def test_an_issuer_of_the_settings_is_not_asked_for() -> None:
    """Then no answer can change whom we believe."""
    http = FakeHttp({})
    assert run(trust_of(VaultSettings("https://vault.example", issuer="https://me"), http)).issuer == "https://me"
    assert http.sent == []


@pytest.mark.parametrize("document", [{}, {"issuer": ""}, {"issuer": 5}])
def test_a_document_without_issuer(document: Mapping[str, object]) -> None:
    """What to set is said."""
    with pytest.raises(Unavailable, match="set one with `vault write identity/oidc/config"):
        run(trust_of(SETTINGS, FakeHttp({DOCUMENT: answer(document)})))


def test_the_subject_is_the_callers_own_alias() -> None:
    """`sub` is the id of an entity, and says nothing of it."""
    assert subject_of(SETTINGS, CLAIMS) == Subject("shop", "orders")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": None}, "the claim name is no text"),
        ({"name": "root"}, "the claim name is not of the form"),
        ({"namespace": "Vx3Jd"}, "the claim namespace is Vx3Jd"),
        ({"mount": "jwt-of-another-cluster"}, "the claim mount is not jwt"),
    ],
)
def test_refused_claims(changes: Mapping[str, object], why: str) -> None:
    """A failed template, another namespace, and the auth method of another cluster."""
    with pytest.raises(ClaimRefused, match=why):
        subject_of(SETTINGS, {**CLAIMS, **changes})


@pytest.mark.parametrize("name", ["name", "namespace", "mount"])
def test_absent_claims_are_refused(name: str) -> None:
    """Vault issues a token without the template's claims where the template fails, and only logs it."""
    with pytest.raises(ClaimRefused, match=f"the claim {name} is absent"):
        subject_of(SETTINGS, {key: value for key, value in CLAIMS.items() if key != name})


def test_a_namespace_of_its_own() -> None:
    """Its tokens name it by an id; those of the root namespace are not good there."""
    settings = VaultSettings("https://vault.example", namespace="teams/shop")
    assert subject_of(settings, {**CLAIMS, "namespace": "Vx3Jd"}) == Subject("shop", "orders")
    with pytest.raises(ClaimRefused):
        subject_of(settings, CLAIMS)

"""A token is two requests."""

import json
from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import Misconfigured, Refused
from aegis_idp.values import ProjectedToken
from aegis_idp_vault import PLUGIN

ORDERS = Subject("shop", "orders")


@pytest.mark.attack("S07")
def test_a_token_is_a_login_and_a_question(provider: ProviderUnderTest) -> None:
    """The token of the login goes to Vault alone, in its header; the ServiceAccount token in the login's body."""
    provider.make_known(ORDERS)
    tap, mounts = Tapped(provider.http), provider.mounts(ORDERS)
    run(PLUGIN.acquire(provider.settings, mounts.request("aegis"), tap))
    login, token = tap.sent
    assert (login.method, token.method) == ("POST", "GET")
    assert login.url.endswith("/v1/auth/jwt/login")
    assert json.loads(login.body) == {"role": "aegis", "jwt": mounts.tokens["vault"].reveal()}
    assert "/v1/identity/oidc/token/aegis.jwt." in token.url
    assert token.headers["x-vault-token"].startswith("hvb.")
    assert all(sent.headers["x-vault-request"] == "true" for sent in tap.sent)
    assert not any("x-vault-namespace" in sent.headers for sent in tap.sent)


def test_a_namespace_goes_along(provider: ProviderUnderTest, config: dict[str, Any]) -> None:
    """As the header that Vault's own clients send."""
    provider.make_known(ORDERS)
    config["namespace"] = "teams/shop"
    tap = Tapped(provider.http)
    run(PLUGIN.acquire(provider.settings, provider.mounts(ORDERS).request("aegis"), tap))
    assert [sent.headers["x-vault-namespace"] for sent in tap.sent] == ["teams/shop"] * 2


def test_an_identity_that_is_not_provisioned(provider: ProviderUnderTest) -> None:
    """The error says where to look."""
    with pytest.raises(Refused, match=r"not provisioned there .*conditions of its Identity"):
        run(PLUGIN.acquire(provider.settings, provider.mounts(ORDERS).request("aegis"), provider.http))


def test_an_audience_that_is_not_provisioned(provider: ProviderUnderTest) -> None:
    """An identity gets tokens for its own destinations alone."""
    provider.make_known(ORDERS, ("stock.shop.svc",))
    mounts = provider.mounts(ORDERS, ("stock.shop.svc",))
    run(PLUGIN.acquire(provider.settings, mounts.request("stock.shop.svc"), provider.http))
    for other in ("aegis", "bills.bank.svc"):
        with pytest.raises(Refused, match="not found"):
            run(PLUGIN.acquire(provider.settings, mounts.request(other), provider.http))


def test_a_pod_needs_one_token(provider: ProviderUnderTest, config: dict[str, Any]) -> None:
    """Whatever the destinations; its audience and life are settings."""
    config.update(loginAudience="https://vault.example", expirationSeconds=600)
    wanted = (ProjectedToken("https://vault.example", 600),)
    assert provider.needs(ORDERS).tokens == wanted
    assert provider.needs(ORDERS, ("a.shop.svc", "b.shop.svc")).tokens == wanted
    with pytest.raises(Misconfigured):
        provider.needs(ORDERS, ("*.shop.svc",))

"""The reconcile function's own sign-in, by the real azure-identity."""

import sys
from typing import Any

import jwt
import pytest
from attrs import evolve

from aegis_api.names import Subject
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.values import ProvisionRequest, Secret
from aegis_idp_azure.credentials import graph_token
from aegis_idp_azure.settings import AzureSettings
from support.entra_tenant import Tenant

ORDERS = Subject("shop", "orders")


def asked(tenant: Tenant, **changes: Any) -> tuple[AzureSettings, ProvisionRequest]:
    provider = tenant.provider(**changes)
    return provider.settings, provider.request(ORDERS)


def test_the_functions_own_token_is_exchanged(tenant: Tenant) -> None:
    """In one request, without a stored secret; what comes is for Graph, with the granted permission."""
    token = graph_token(*asked(tenant))
    claims = jwt.decode(token.reveal(), options={"verify_signature": False})
    assert claims["aud"] == tenant.entra.url
    assert (claims["appid"], claims["roles"]) == (tenant.provisioner.app_id, ["Application.ReadWrite.OwnedBy"])
    assert [request.method for request in tenant.entra.requests] == ["POST"]


def test_a_refusal_says_what_to_do_and_keeps_the_token(tenant: Tenant) -> None:
    """Neither the text nor an error behind it shows what was sent."""
    settings, request = asked(tenant)
    expired = tenant.cluster.token(Subject("aegis-system", "aegis-reconcile"), "api://AzureADTokenExchange", -60)
    with pytest.raises(Refused, match=r"AADSTS700024.*compare the clocks") as caught:
        graph_token(settings, evolve(request, host_token=lambda _: expired))
    assert_keeps((expired,), caught.value)


def test_a_missing_federation_may_only_be_new(tenant: Tenant) -> None:
    """Entra ID takes minutes to know a credential."""
    tenant.provisioner.federations.clear()
    with pytest.raises(Unavailable, match=r"AADSTS700211.*needs a federated identity credential"):
        graph_token(*asked(tenant))


@pytest.mark.parametrize(("status", "wish"), [(429, 7.0), (503, None)])
def test_trouble_passes(tenant: Tenant, status: int, wish: float | None) -> None:
    """The host tries again: the SDK does not, so that one call is one request."""
    if status == 429:
        tenant.entra.faults.throttle()
    else:
        tenant.entra.faults.fail(status=status)
    with pytest.raises(Unavailable) as caught:
        graph_token(*asked(tenant))
    assert caught.value.retry_after == wish
    assert len(tenant.entra.requests) == 1


def test_nobody_there_passes_too(tenant: Tenant) -> None:
    """The connection is refused."""
    with pytest.raises(Unavailable):
        graph_token(*asked(tenant, authority="https://127.0.0.1:1"))


def test_settings_that_cannot_work_are_said(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain HTTP, nobody to sign in as, and no SDK."""
    with pytest.raises(Misconfigured, match=r"must be https"):
        graph_token(*asked(tenant, authority="http://127.0.0.1:1"))
    with pytest.raises(Misconfigured, match=r"without config\.provisionAs"):
        graph_token(*asked(tenant, provisionAs=None))
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(Misconfigured, match=r"install aegis-idp-azure\[provision\]"):
        graph_token(*asked(tenant))


def test_the_host_may_have_no_token(tenant: Tenant) -> None:
    """Then nobody is asked."""
    settings, request = asked(tenant)

    def none(audience: str) -> Secret:
        raise Misconfigured(f"no token for {audience}")

    with pytest.raises(Misconfigured, match=r"no token for api://AzureADTokenExchange"):
        graph_token(settings, evolve(request, host_token=none))
    assert tenant.entra.requests == []

"""Requests to Microsoft Graph."""

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.errors import Refused, Unavailable
from aegis_idp.values import Secret
from aegis_idp_azure.credentials import graph_token
from aegis_idp_azure.graph import Graph
from support.entra_tenant import Tenant

PATH = "/applications(uniqueName='aegis-1')"


def graph_of(tenant: Tenant, token: Secret | None = None) -> Graph:
    provider = tenant.provider()
    signed_in = token or graph_token(provider.settings, provider.request(Subject("shop", "orders")))
    return Graph(tenant.entra.url, provider.http, signed_in)


def test_objects_come_and_go(tenant: Tenant) -> None:
    """Absence is no error."""
    graph = graph_of(tenant)
    assert run(graph.get(PATH)) is None
    made = run(graph.upsert(PATH, {"displayName": "one"}))
    assert made["uniqueName"] == "aegis-1"
    assert run(graph.upsert(PATH, {"displayName": "two"})) == {}
    run(graph.update(PATH, {"displayName": "three"}))
    there = run(graph.get(PATH))
    assert there is not None
    assert (there["displayName"], there["id"]) == ("three", made["id"])
    assert run(graph.delete(f"/applications/{made['id']}"))
    assert not run(graph.delete(f"/applications/{made['id']}"))


def test_a_missing_permission_is_named(tenant: Tenant) -> None:
    """It is an administrator who grants it."""
    tenant.provisioner.roles = frozenset()
    with pytest.raises(Refused, match=r"Authorization_RequestDenied.*Application\.ReadWrite\.OwnedBy") as caught:
        run(graph_of(tenant).get(PATH))
    assert caught.value.code == "Authorization_RequestDenied"


def test_a_token_that_is_no_good_is_refused_and_kept(tenant: Tenant) -> None:
    """Its bytes are in no text."""
    token = Secret("bm90LWEtdG9rZW4.YXQ.YWxs-of-them")
    with pytest.raises(Refused, match=r"InvalidAuthenticationToken") as caught:
        run(graph_of(tenant, token).update(PATH, {}))
    assert_keeps((token,), caught.value)


def test_throttling_passes(tenant: Tenant) -> None:
    """After the time that Graph asks for."""
    graph = graph_of(tenant)
    tenant.entra.faults.throttle(retry_after=9)
    with pytest.raises(Unavailable) as caught:
        run(graph.get(PATH))
    assert caught.value.retry_after == 9

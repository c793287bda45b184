"""Clients and scopes at Keycloak: the conformance suite, and what is special to Keycloak."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import HOST, Cluster, Conformance, ProviderUnderTest
from aegis_idp.conformance.verifying import verified
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import ForeignObject, Misconfigured, Refused
from aegis_idp.values import Provisioned
from aegis_idp_oidc import PLUGIN
from support.keycloak_server import KeycloakServer

ORDERS = Subject("shop", "orders")
CLIENT = "aegis.test.shop.orders"
HERE, THERE = "stock.shop.svc", "bills.bank.svc"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(public=True) as cluster:
        yield cluster


@pytest.fixture
def server(cluster: Cluster) -> Iterator[KeycloakServer]:
    with KeycloakServer(cluster, manager=str(HOST)) as server:
        yield server


@pytest.fixture
def provider(cluster: Cluster, server: KeycloakServer) -> ProviderUnderTest:
    def spoil(subject: Subject) -> None:
        (client,) = (one for one in server.clients.values() if one["clientId"].endswith(subject.name))
        client["attributes"]["jwt.credential.sub"] = "system:serviceaccount:evil:evil"
        client["defaultClientScopes"].append("roles")
        client["optionalClientScopes"].append("roles")
        (scope,) = (one for one in server.scopes.values() if one["name"].startswith(client["clientId"]))
        scope["protocolMappers"] = [*scope["protocolMappers"], *scope["protocolMappers"]]

    return ProviderUnderTest(
        PLUGIN,
        _config(server),
        cluster,
        objects=lambda: _objects(server),
        rotate=server.rotate,
        spoil=spoil,
    )


def _config(server: KeycloakServer, **more: object) -> dict[str, object]:
    return {
        "issuer": server.issuer,
        "grant": "client_assertion",
        "audienceParameter": "none",
        "subjectClaim": "azp",
        "subjectTemplate": "aegis.test.{namespace}.{name}",
        "keycloak": {},
        **more,
    }


def _objects(server: KeycloakServer) -> dict[str, Any]:
    clients = {one["clientId"]: copy.deepcopy({**one, "id": ""}) for one in server.clients.values()}
    for client in clients.values():
        client["optionalClientScopes"].sort()
    return {"clients": clients, "scopes": copy.deepcopy(server.scopes)}


def _made(provider: ProviderUnderTest, *destinations: str, **changes: Any) -> Provisioned:
    hosts = tuple(map(HostPattern, destinations))
    return provider.made(ORDERS, hosts=hosts, audience_per_destination=True, **changes)


class TestConformance(Conformance):
    """All that every plugin shows."""

    @pytest.fixture
    def provider(self, provider: ProviderUnderTest) -> ProviderUnderTest:
        return provider


def test_the_client_can_do_nothing_but_ask_for_its_audience(
    provider: ProviderUnderTest, server: KeycloakServer
) -> None:
    """No flow for people, no scope of the realm, no secret in use; the mark says whose it is."""
    assert provider.made(ORDERS) == Provisioned({"clientId": CLIENT})
    (client,) = server.clients.values()
    assert client["clientAuthenticatorType"] == "federated-jwt"
    assert client["attributes"]["jwt.credential.sub"] == str(ORDERS)
    assert client["attributes"]["aegis.cluster"] == "test-cluster"
    flows = ("standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled", "publicClient")
    assert not any(client[flow] for flow in (*flows, "fullScopeAllowed"))
    assert client["defaultClientScopes"] == ["basic", "service_account"]
    assert client["optionalClientScopes"] == [f"{CLIENT}:aegis"]


def test_five_requests_make_an_identity_and_three_keep_it(provider: ProviderUnderTest) -> None:
    """What a run costs Keycloak: login included."""
    for requests in (5, 3):
        tap = Tapped(provider.http)
        run(PLUGIN.provision(provider.settings, provider.request(ORDERS), tap))
        assert len(tap.sent) == requests


def test_each_destination_is_an_audience(provider: ProviderUnderTest, server: KeycloakServer) -> None:
    """A token for one holds that one alone; a former destination can be asked for no more."""
    _made(provider, HERE, THERE)
    mounts = provider.mounts(ORDERS, (HERE, THERE))

    def audience(destination: str) -> object:
        token = run(PLUGIN.acquire(provider.settings, mounts.request(destination), provider.http))
        return verified(provider, token, destination)["aud"]

    assert (audience(HERE), audience(THERE)) == ([HERE], [THERE])
    _made(provider, HERE)
    assert audience(HERE) == [HERE]
    with pytest.raises(Refused, match=r"invalid_scope.*; let the client .* ask for that scope"):
        audience(THERE)
    assert [name for name in server.scopes if name != "id-of-roles"] == [
        scope["id"] for scope in server.scopes.values() if scope["name"] == f"{CLIENT}:{HERE}"
    ]


def test_patterns_are_refused_at_admission_and_do_not_keep_what_is_there(provider: ProviderUnderTest) -> None:
    """With an audience per destination each must be known; an Identity that was changed can still be deleted."""
    context = provider.context(ORDERS, ("*.svc",))
    with pytest.raises(Misconfigured, match=r"\*\.svc stands for many"):
        PLUGIN.pod_needs(provider.settings, context)
    before = provider.objects()
    _made(provider, HERE, THERE)
    request = provider.request(ORDERS, hosts=(HostPattern("*.svc"),), audience_per_destination=True)
    run(PLUGIN.deprovision(provider.settings, request, provider.http))
    assert provider.objects() == before


def test_a_client_that_somebody_removed_leaves_no_scopes(provider: ProviderUnderTest, server: KeycloakServer) -> None:
    """The client is the record; without it, the Identity itself says which scopes there are."""
    before = provider.objects()
    provider.made(ORDERS)
    server.clients.clear()
    run(PLUGIN.deprovision(provider.settings, provider.request(ORDERS), provider.http))
    assert provider.objects() == before


def test_another_template_moves_the_client(provider: ProviderUnderTest, server: KeycloakServer) -> None:
    """The former client is removed, by the next run or with the Identity."""
    made = provider.made(ORDERS)
    renamed = ProviderUnderTest(
        PLUGIN,
        _config(server, subjectTemplate="aegis.other.{namespace}.{name}"),
        provider.cluster,
        objects=provider.objects,
    )
    assert renamed.made(ORDERS, metadata=made.metadata) == Provisioned({"clientId": "aegis.other.shop.orders"})
    assert [client["clientId"] for client in server.clients.values()] == ["aegis.other.shop.orders"]
    request = provider.request(ORDERS, metadata={"clientId": "aegis.other.shop.orders"})
    run(PLUGIN.deprovision(provider.settings, request, provider.http))
    assert not server.clients


def test_a_former_client_that_is_not_ours_any_more_is_left(provider: ProviderUnderTest, server: KeycloakServer) -> None:
    """It neither stops the next run nor keeps the Identity from being deleted."""
    foreign = {"id": "theirs", "clientId": "aegis.other.shop.orders", "attributes": {"jwt.credential.sub": ""}}
    foreign |= {"defaultClientScopes": [], "optionalClientScopes": []}
    server.clients["theirs"] = dict(foreign)
    metadata = {"clientId": "aegis.other.shop.orders"}
    assert provider.made(ORDERS, metadata=metadata) == Provisioned({"clientId": CLIENT})
    run(PLUGIN.deprovision(provider.settings, provider.request(ORDERS, metadata=metadata), provider.http))
    assert list(server.clients.values()) == [foreign]


def test_a_client_that_was_disabled_stays_so(provider: ProviderUnderTest, server: KeycloakServer) -> None:
    """It is how an administrator revokes an identity at once; what else drifted is mended all the same."""
    provider.made(ORDERS)
    (client,) = server.clients.values()
    client["enabled"], client["directAccessGrantsEnabled"] = False, True
    provider.made(ORDERS)
    (client,) = server.clients.values()
    assert (client["enabled"], client["directAccessGrantsEnabled"]) == (False, False)


def test_a_foreign_scope_is_left(provider: ProviderUnderTest, server: KeycloakServer) -> None:
    """A scope of our name that somebody else made is not taken."""
    foreign = {"id": "theirs", "name": f"{CLIENT}:aegis", "protocolMappers": []}
    server.scopes["theirs"] = dict(foreign)
    with pytest.raises(ForeignObject, match=rf"the client scope {CLIENT}:aegis at .* was not made for this Identity"):
        provider.made(ORDERS)
    assert server.scopes["theirs"] == foreign


def test_the_reconcile_function_needs_its_own_client(provider: ProviderUnderTest) -> None:
    """Anybody else's ServiceAccount token gets no further than the login, and the text says what to make."""
    request = provider.request(ORDERS, host_token_at=lambda audience: provider.cluster.token(ORDERS, audience))
    with pytest.raises(Refused, match=r"invalid_client.*must have a client of the reconcile function"):
        run(PLUGIN.provision(provider.settings, request, provider.http))


def test_settings_without_keycloak_keep_what_was_made(provider: ProviderUnderTest, server: KeycloakServer) -> None:
    """Where the settings no longer say how to reach the API, nobody pretends that all is gone."""
    made = provider.made(ORDERS)
    config = {key: value for key, value in _config(server).items() if key != "keycloak"}
    plain = ProviderUnderTest(PLUGIN, config, provider.cluster)
    assert not plain.makes_objects
    with pytest.raises(Misconfigured, match=rf"the client {CLIENT} was made .*: set config.keycloak again"):
        run(PLUGIN.deprovision(plain.settings, plain.request(ORDERS, metadata=made.metadata), plain.http))

"""Provisioning: how many requests, and what becomes of what others did. The conformance suite has the rest."""

from typing import Any

import pytest

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import HOST, ProviderUnderTest
from aegis_idp.conformance.wires import Sent, Tapped
from aegis_idp.errors import ForeignObject, Misconfigured, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import Provisioned
from aegis_idp_vault import PLUGIN
from support.vault_in_memory import VaultInMemory

ORDERS = Subject("shop", "orders")


def _made(provider: ProviderUnderTest, **changes: Any) -> tuple[Provisioned, list[str]]:
    """The answer, and the requests that it took."""
    tap = Tapped(provider.http)
    made = run(PLUGIN.provision(provider.settings, provider.request(ORDERS, **changes), tap))
    return made, [f"{sent.method} {sent.url.partition('/v1/')[2].partition('/aegis.')[0]}" for sent in tap.sent]


def _to(*hosts: str) -> dict[str, Any]:
    return {"audience_per_destination": True, "hosts": tuple(HostPattern(host) for host in hosts)}


def test_from_nothing_it_takes_four_requests(provider: ProviderUnderTest) -> None:
    """The bound of the issue: 4 calls for each Identity."""
    made, requests = _made(provider)
    assert requests == [
        "POST auth/jwt/login",
        "POST identity/lookup/entity",
        "POST identity/entity-alias",
        "POST identity/oidc/role",
    ]
    assert made.metadata["roles"].startswith(f"aegis.jwt.{made.metadata['entity']}.shop.orders_")


def test_what_is_as_it_should_be_is_only_read(provider: ProviderUnderTest) -> None:
    """Login, alias, role."""
    _made(provider)
    assert _made(provider)[1] == ["POST auth/jwt/login", "POST identity/lookup/entity", "GET identity/oidc/role"]


def test_an_accessor_that_is_not_said_is_asked_for(provider: ProviderUnderTest, config: dict[str, Any]) -> None:
    """One request more."""
    del config["accessor"]
    assert "GET sys/auth" in _made(provider)[1]
    assert len(_made(provider)[1]) == 4


def test_a_mount_that_is_not_there(provider: ProviderUnderTest, config: dict[str, Any], vault: VaultInMemory) -> None:
    """The error says what to do."""
    del config["accessor"]
    config["mount"] = vault.mount = "k8s"
    vault.accessor = ""
    with pytest.raises(Misconfigured, match=r"accessor of auth/k8s: .*enable it"):
        _made(provider)


def test_drift_is_repaired(provider: ProviderUnderTest, vault: VaultInMemory) -> None:
    """A role that was changed or removed by hand is as it was after the next run."""
    made, _ = _made(provider)
    before = vault.contents()
    (name,) = vault.roles
    vault.roles[name] = {**vault.roles[name], "template": '{"name": "system:serviceaccount:bank:cashier"}'}
    assert _made(provider)[0] == made
    assert vault.contents() == before
    del vault.roles[name]
    assert _made(provider)[0] == made
    assert vault.contents() == before


def test_settings_are_taken_over(provider: ProviderUnderTest, vault: VaultInMemory, config: dict[str, Any]) -> None:
    """Another life, another key, another audience: the role of the old audience goes."""
    _made(provider)
    config.update(tokenSeconds=600, key="mesh")
    _made(provider, audience="mesh")
    (role,) = vault.roles.values()
    assert (role["ttl"], role["key"], role["client_id"]) == (600, "mesh", "mesh")


def test_each_destination_has_its_role(provider: ProviderUnderTest, vault: VaultInMemory) -> None:
    """Those that are no more wanted go, and so does the role of the shared audience."""
    _made(provider)
    _made(provider, **_to("stock.shop.svc", "bills.bank.svc"))
    assert sorted(role["client_id"] for role in vault.roles.values()) == ["bills.bank.svc", "stock.shop.svc"]
    _made(provider, **_to("stock.shop.svc"))
    assert [role["client_id"] for role in vault.roles.values()] == ["stock.shop.svc"]
    run(PLUGIN.deprovision(provider.settings, provider.request(ORDERS), provider.http))
    assert vault.roles == {}


def test_the_alias_of_a_first_login_is_taken(provider: ProviderUnderTest, vault: VaultInMemory) -> None:
    """A pod that was quicker than the reconcile function has made Vault make an entity."""
    entity = vault._new(str(ORDERS), {})
    made, _ = _made(provider)
    assert made.metadata["entity"] == entity.id


def test_an_alias_that_somebody_else_made_is_left_alone(provider: ProviderUnderTest, vault: VaultInMemory) -> None:
    """It bears what no login puts there."""
    vault._new(str(ORDERS), {"team": "shop"})
    before = vault.contents()
    with pytest.raises(ForeignObject, match="somebody else made or changed: give Aegis an auth method of its own"):
        _made(provider)
    run(PLUGIN.deprovision(provider.settings, provider.request(ORDERS), provider.http))
    assert vault.contents() == before


def test_an_entity_that_somebody_built_on_stays(provider: ProviderUnderTest, vault: VaultInMemory) -> None:
    """Our mark and roles go, and what is theirs does not."""
    made, _ = _made(provider)
    vault.entities[made.metadata["entity"]].custom_metadata["team"] = "shop"
    run(PLUGIN.deprovision(provider.settings, provider.request(ORDERS), provider.http))
    assert vault.roles == {}
    assert vault.entities[made.metadata["entity"]].custom_metadata == {"team": "shop"}


def test_removal_is_as_short(provider: ProviderUnderTest) -> None:
    """Login, alias, role, entity; with what the last run gave back as without."""
    made, _ = _made(provider)
    tap = Tapped(provider.http)
    run(PLUGIN.deprovision(provider.settings, provider.request(ORDERS, metadata=made.metadata), tap))
    assert [sent.method for sent in tap.sent] == ["POST", "POST", "DELETE", "DELETE"]


def test_two_runs_at_once(provider: ProviderUnderTest, vault: VaultInMemory) -> None:
    """One that finds its alias made between two of its requests makes no role under a wrong name: the next run does."""

    def sees_nothing(_: Sent) -> Response:
        return Response(204, {}, b"")

    made, _ = _made(provider)
    before = vault.contents()
    late = Tapped(provider.http, 1, sees_nothing)
    with pytest.raises(Unavailable, match="look again"):
        run(PLUGIN.provision(provider.settings, provider.request(ORDERS), late))
    assert vault.contents() == before
    assert _made(provider)[0] == made


def test_roles_of_a_lost_entity_go(provider: ProviderUnderTest, vault: VaultInMemory) -> None:
    """An entity that was removed by hand leaves its roles, which nobody else finds."""
    for _ in range(2):
        made, _ = _made(provider)
        vault.entities = {key: entity for key, entity in vault.entities.items() if entity.alias == str(HOST)}
        made, _ = _made(provider, metadata=made.metadata)
        assert list(vault.roles) == [made.metadata["roles"]]
    vault.entities.clear()
    request = provider.request(ORDERS, metadata=made.metadata)
    run(PLUGIN.deprovision(provider.settings, request, provider.http))
    assert vault.roles == {}


def test_a_status_is_no_witness_against_others(provider: ProviderUnderTest, vault: VaultInMemory) -> None:
    """Names of roles that are not this subject's own are not removed, whoever wrote them there."""
    made, _ = _made(provider)
    other = provider.request(Subject("shop", "orders.x"))
    theirs = run(PLUGIN.provision(provider.settings, other, provider.http)).metadata
    before = vault.contents()
    for entity in (theirs["entity"], made.metadata["entity"], ""):
        _made(provider, metadata={"entity": entity, "roles": theirs["roles"]})
    assert vault.contents() == before

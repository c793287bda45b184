from typing import Any

import pytest
from attrs import evolve

from aegis_api.resources import API_VERSION
from aegis_proxy.core.knowledge import (
    NOT_NAMED,
    Absent,
    Held,
    Invalid,
    Key,
    Names,
    Pending,
    Present,
    look_up,
    read_object,
)
from support.listings import policy

ORDERS, ME = Key("IngressPolicy", "orders"), Key("Identity", "me")
OWN, CLUSTER = Key("IdentityProvider", "corp"), Key("ClusterIdentityProvider", "corp")
NAMES = Names("shop", ("orders",), "me", ("corp",))


def document(kind: str, name: str, **spec: object) -> dict[str, Any]:
    metadata = {"name": name} if kind.startswith("Cluster") else {"name": name, "namespace": "shop"}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def present(key: Key, **spec: object) -> Held[Any]:
    return read_object(document(key.kind, key.name, **spec), key, "shop")


PROVIDER_SPEC: dict[str, Any] = {"type": "oidc", "audience": "aegis"}
KNOWN: dict[Key, Held[Any]] = {
    ORDERS: read_object(policy(1), ORDERS, "shop"),
    ME: present(ME, provider="corp"),
    OWN: present(OWN, **PROVIDER_SPEC),
    CLUSTER: present(CLUSTER, **PROVIDER_SPEC, namespaceSelector={}),
}


def look(**changes: Held[Any]) -> Any:
    """KNOWN with changes by kind."""
    known = KNOWN | {key: changes[key.kind] for key in KNOWN if key.kind in changes}
    return lambda key: known.get(key, Absent())


def test_a_document_is_read_by_the_common_parser() -> None:
    """Absent, unreadable or present."""
    assert read_object(None, ORDERS, "shop") == Absent()
    assert isinstance(read_object(policy(1), ORDERS, "shop"), Present)
    bad = read_object({**policy(1), "spec": {"rules": 7}}, ORDERS, "shop")
    assert bad == Invalid("cannot be read: spec.rules: got 7, wanted a list")


def test_all_names_are_looked_up() -> None:
    """The namespace's own provider is found, and the cluster's is not even asked for."""
    view = look_up(NAMES, look())
    assert view.policies == ((ORDERS, KNOWN[ORDERS]),)
    assert (view.identity, view.accepted, view.own) == (KNOWN[ME], {"corp": KNOWN[OWN]}, KNOWN[OWN])
    assert view.wanted == {ORDERS, ME, OWN}


def test_the_cluster_s_provider_is_used_where_the_namespace_has_none() -> None:
    """Or where the pod may not read that kind (403 is absence)."""
    view = look_up(NAMES, look(IdentityProvider=Absent("may not be read")))
    assert view.accepted == {"corp": KNOWN[CLUSTER]}
    assert view.wanted == {ORDERS, ME, OWN, CLUSTER}


@pytest.mark.parametrize("held", [Pending(), Invalid("cannot be read")])
def test_an_unclear_provider_of_the_namespace_is_not_replaced(held: Held[Any]) -> None:
    """A provider that cannot be read must not make another one count."""
    assert look_up(NAMES, look(IdentityProvider=held)).accepted == {"corp": held}


def test_a_cluster_provider_without_selector_is_nobody_s() -> None:
    """An absent selector selects nothing."""
    cluster = present(CLUSTER, **PROVIDER_SPEC)
    view = look_up(NAMES, look(IdentityProvider=Absent(), ClusterIdentityProvider=cluster))
    assert view.accepted == {"corp": Invalid("has no namespaceSelector, so no namespace may use it")}


def test_without_a_provider_the_identity_s_counts() -> None:
    """It is known once the Identity is."""
    names = evolve(NAMES, providers=())
    assert look_up(names, look()).accepted == {"corp": KNOWN[OWN]}
    before = look_up(names, look(Identity=Pending()))
    assert before.accepted == {"": Pending()}
    assert before.wanted == {ORDERS, ME}


def test_the_identity_s_own_provider_may_be_another() -> None:
    """Callers bring tokens of one, the pod gets its own from the other."""
    other = Key("IdentityProvider", "other")
    view = look_up(evolve(NAMES, providers=("other",)), look())
    assert view.own == KNOWN[OWN]
    assert view.accepted == {"other": Absent()}
    assert other in view.wanted


def test_several_providers_may_be_accepted() -> None:
    """Each by its name, in the order of the names; a name that leads nowhere takes nothing from the others."""
    wide = Key("ClusterIdentityProvider", "old")
    known = {**KNOWN, wide: present(wide, **PROVIDER_SPEC, namespaceSelector={})}
    view = look_up(evolve(NAMES, providers=("old", "corp", "gone")), lambda key: known.get(key, Absent()))
    assert view.accepted == {"old": known[wide], "corp": KNOWN[OWN], "gone": Absent()}
    assert list(view.accepted) == ["old", "corp", "gone"]
    assert {wide, OWN, Key("ClusterIdentityProvider", "gone")} < view.wanted


def test_a_pod_without_ingress_needs_no_policy() -> None:
    """And accepts nobody's tokens."""
    view = look_up(evolve(NAMES, ingress=False), look())
    assert (view.policies, view.accepted) == ((), {})


def test_a_pod_without_egress_needs_no_identity() -> None:
    """Unless the identity says which provider it is."""
    assert look_up(evolve(NAMES, egress=False), look()).identity == NOT_NAMED
    assert look_up(evolve(NAMES, egress=False, providers=()), look()).identity == KNOWN[ME]
    assert look_up(Names("shop"), look()).accepted == {}


def test_an_object_of_another_kind_is_not_used() -> None:
    """Whoever looks it up was mistaken."""
    assert look_up(NAMES, lambda _: KNOWN[OWN]).identity == Invalid("is of another kind")


def test_keys_show_as_people_write_them() -> None:
    """For the log."""
    assert str(ORDERS) == "IngressPolicy orders"

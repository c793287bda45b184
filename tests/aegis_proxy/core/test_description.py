import json
from typing import Any

from attrs import evolve

from aegis_api.identity import Identity
from aegis_api.policy import IngressPolicy
from aegis_api.resources import API_VERSION, parse_resource
from aegis_proxy.core.description import described
from aegis_proxy.core.knowledge import NOT_NAMED, Absent, Key, Present, View
from aegis_proxy.core.snapshot import NOTHING_KNOWN, Audiences, Snapshot
from support.listings import policy
from support.tokens import AUDIENCE, ISSUER, authorities

ORDERS, GONE = Key("IngressPolicy", "orders"), Key("IngressPolicy", "gone")


def authority_of(snapshot: Snapshot) -> dict[str, Any]:
    authorities: Any = described(snapshot, None)["authorities"]
    (authority,) = authorities
    assert isinstance(authority, dict)
    return authority


def test_before_anything_is_known_it_says_so() -> None:
    """The reason why all is refused."""
    assert described(NOTHING_KNOWN, None) == {
        "generation": 0,
        "closed": NOTHING_KNOWN.closed,
        "untrusted": None,
        "policies": [],
        "rules": 0,
        "authorities": [],
        "identity": None,
        "no_token": None,
    }


def test_a_person_sees_what_is_enforced() -> None:
    """Policies with their versions, issuers with their kids, and the pod's own identity."""
    orders, metadata = parse_resource(policy(7)), {"name": "me", "namespace": "shop"}
    me = parse_resource(
        {"apiVersion": API_VERSION, "kind": "Identity", "metadata": metadata, "spec": {"provider": "corp"}}
    )
    assert isinstance(orders, IngressPolicy)
    assert isinstance(me, Identity)
    view = View(((ORDERS, Present(orders)), (GONE, Absent())), NOT_NAMED, {}, NOT_NAMED, frozenset())
    snapshot = evolve(NOTHING_KNOWN, authorities=authorities(), identity=me, audience=AUDIENCE, closed="")
    shown = described(snapshot, view)
    assert shown["policies"] == [
        {
            "name": "orders",
            "in_force": True,
            "generation": 0,
            "resource_version": "7",
            "enforcement": "Enforce",
            "rules": 1,
        },
        {"name": "gone", "in_force": False, "problem": "does not exist"},
    ]
    authority = authority_of(snapshot)
    assert (authority["issuer"], authority["kids"], authority["audiences"]) == (ISSUER, ["k1"], [AUDIENCE])
    assert shown["identity"] == {
        "name": "me",
        "subject": "system:serviceaccount:shop:me",
        "provider": "corp",
        "hosts": ["*.svc"],
        "audience": AUDIENCE,
        "audience_per_destination": False,
    }
    json.dumps(shown)


def test_audiences_per_destination_show_as_a_pattern() -> None:
    """Every Service of the namespace."""
    snapshot = evolve(NOTHING_KNOWN, authorities=authorities(audiences=Audiences(frozenset(), "shop")))
    assert authority_of(snapshot)["audiences"] == ["*.shop.svc"]

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from aegis_api.metadata import Metadata
from aegis_api.names import Subject
from aegis_api.provider import IdentityProvider, ProviderSpec
from aegis_idp.values import KeySetDocument, Trust
from aegis_proxy.core.acceptance import Accepted, Callers, Trusted, Untrusted, accept
from aegis_proxy.core.knowledge import Absent, Held, Pending, Present
from aegis_proxy.core.snapshot import Audiences
from support.tokens import key_set, signing_key, subject_of_sub

OLD, NEW = "https://old.example", "https://new.example"
PRINCIPALS = {"id-1": Subject("shop", "alice")}


def provider(name: str, audience: str = "aegis", *, per_destination: bool = False) -> Present[IdentityProvider]:
    spec = ProviderSpec("oidc", audience, per_destination)
    return Present(IdentityProvider(Metadata(name, "shop"), spec, PRINCIPALS if name == "new" else {}))


def trusted(issuer: str, number: int = 0) -> Trusted:
    keys = key_set(signing_key(number=number))
    return Trusted(Trust(issuer, KeySetDocument({}), frozenset({"ES256"})), keys, subject_of_sub)


BOTH = Callers(
    {"old": provider("old", "old-mesh"), "new": provider("new", per_destination=True)},
    {"old": trusted(OLD), "new": trusted(NEW, 1)},
    "shop",
)


def accepted(callers: Callers = BOTH) -> Accepted:
    return accept(callers, {})


def test_each_provider_is_believed_for_its_own_issuer() -> None:
    """With its own keys, audience and ids."""
    found = accepted()
    assert found.problems == ()
    old, new = found.authorities[OLD], found.authorities[NEW]
    assert (old.provider, old.audiences, old.principals) == ("old", Audiences(frozenset({"old-mesh"})), {})
    assert (new.provider, new.audiences, new.principals) == ("new", Audiences(frozenset(), "shop"), PRINCIPALS)
    assert old.keys is not new.keys


def test_named_hosts_are_the_audiences() -> None:
    """Of those providers whose tokens are made for their destination."""
    found = accepted(evolve(BOTH, hosts=("orders.shop.svc",))).authorities
    assert found[NEW].audiences == Audiences(frozenset({"orders.shop.svc"}))
    assert found[OLD].audiences == Audiences(frozenset({"old-mesh"}))


def test_a_provider_may_name_destinations_its_own_way() -> None:
    """Then aud holds that name, and nothing else will do; of those, the ones of this pod."""
    names = {"orders.shop.svc": "id-1", "stock.shop.svc": "id-2", "orders.bank.svc": "id-3"}
    known = {"old": evolve(trusted(OLD), audiences=names), "new": evolve(trusted(NEW, 1), audiences=names)}
    callers = evolve(BOTH, trusted=known)
    found = accepted(callers).authorities
    assert found[NEW].audiences == Audiences(frozenset({"id-1", "id-2"}))
    assert found[OLD].audiences == Audiences(frozenset({"old-mesh"}))
    one = accepted(evolve(callers, hosts=("orders.shop.svc", "bills.shop.svc"))).authorities
    assert one[NEW].audiences == Audiences(frozenset({"id-1"}))
    none = accepted(evolve(callers, trusted={**known, "new": evolve(known["new"], audiences={})})).authorities
    assert not none[NEW].audiences.accept("orders.shop.svc")


@pytest.mark.parametrize(
    ("held", "known", "problem"),
    [
        (Absent(), {}, "the provider old does not exist"),
        (Pending(), {}, "the provider old has not been received yet"),
        (provider("old"), {"old": Untrusted("no answer")}, "the provider old is not trusted yet: no answer"),
    ],
)
def test_one_that_cannot_be_believed_takes_nothing_from_the_other(
    held: Held[Any], known: Mapping[str, Untrusted], problem: str
) -> None:
    """It is said which one it is, and why."""
    providers = {**BOTH.providers, "old": held}
    found = accepted(evolve(BOTH, providers=providers, trusted={**BOTH.trusted, **known}))
    assert (list(found.authorities), found.problems) == ([NEW], (problem,))


def test_the_provider_of_an_unknown_identity_has_no_name() -> None:
    """It is the one that the Identity would name."""
    found = accepted(Callers({"": Absent()}, {}, "shop"))
    assert found.problems == ("the provider, or the Identity that names it, does not exist",)


@pytest.mark.attack("J32")
def test_an_issuer_that_two_claim_is_nobody_s() -> None:
    """Else the one could publish keys for the tokens of the other. A third one is not touched."""
    twice = {"old": trusted(OLD), "twin": trusted(OLD, 2), "new": trusted(NEW, 1)}
    callers = Callers({name: provider(name) for name in twice}, twice, "shop")
    found = accepted(callers)
    assert list(found.authorities) == [NEW]
    (problem,) = found.problems
    assert problem == (
        "the providers old and twin have the same issuer https://old.example, so that neither is believed: "
        "accept one of them"
    )
    assert accept(callers, found.authorities).authorities is found.authorities


def test_what_has_not_changed_is_the_same_object() -> None:
    """So that tokens that were verified stay so; a change at one provider makes another mapping."""
    before = accepted().authorities
    assert accept(BOTH, before).authorities is before
    rotated = accept(evolve(BOTH, trusted={**BOTH.trusted, "new": trusted(NEW, 2)}), before).authorities
    assert rotated is not before
    one = accept(evolve(BOTH, providers={"new": BOTH.providers["new"]}), before).authorities
    assert list(one) == [NEW]
    assert accept(BOTH, one).authorities is not one

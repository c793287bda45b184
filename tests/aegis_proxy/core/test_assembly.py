from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve, frozen

from aegis_api.names import Subject
from aegis_idp.values import KeySetDocument, Trust
from aegis_proxy.core.acceptance import Trusted, Untrusted
from aegis_proxy.core.assembly import (
    Inputs,
    assemble,
    compiled,
    no_token_reason,
    policies_not_in_force,
    spec_of,
)
from aegis_proxy.core.knowledge import NOT_NAMED, Absent, Held, Invalid, Key, Pending, View, read_object
from aegis_proxy.core.snapshot import NOTHING_KNOWN, Audiences, Snapshot
from support.listings import policy
from support.tokens import key_set, signing_key

ORDERS = Key("IngressPolicy", "orders")
ALICE = Subject("shop", "alice")


@frozen
class _Caller:
    subject: Subject
    subject_text: bytes
    claims: Mapping[str, object]


CALLER = _Caller(ALICE, str(ALICE).encode(), {})


def subject(_: Mapping[str, object]) -> Subject:
    return ALICE


TRUST = Trust("https://idp.test", KeySetDocument({}), frozenset({"ES256"}))
TRUSTED = Trusted(TRUST, key_set(signing_key()), subject)


def held(kind: str, name: str, **spec: object) -> Held[Any]:
    metadata = {"name": name, "namespace": "shop", "resourceVersion": "1"}
    document = {"apiVersion": "aegis.aegisproxy.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
    return read_object(document, Key(kind, name), "shop")


def read_policy(document: object) -> Held[Any]:
    return read_object(document, ORDERS, "shop")


PROVIDER = held("IdentityProvider", "corp", type="oidc", audience="aegis")
PER_DESTINATION = held("IdentityProvider", "corp", type="oidc", audience="aegis", audiencePerDestination=True)
IDENTITY = held("Identity", "me", provider="corp")
VIEW = View(((ORDERS, read_policy(policy(1))),), IDENTITY, {"corp": PROVIDER}, PROVIDER, frozenset())


def inputs(view: View = VIEW, **changes: Any) -> Inputs:
    return evolve(Inputs(view, compiled(view, None), {"corp": TRUSTED}, "shop"), **changes)


def first(view: View = VIEW, **changes: Any) -> Snapshot:
    return assemble(inputs(view, **changes), NOTHING_KNOWN)


def may_get(snapshot: Snapshot, path: bytes = b"/x") -> bool:
    return snapshot.rules.for_caller(CALLER, b"GET", path) is not None


def test_what_is_known_becomes_a_snapshot() -> None:
    """Rules, whom to believe, what the pod assumes; one generation later."""
    snapshot = first()
    assert (snapshot.generation, snapshot.closed, snapshot.no_token) == (1, "", "")
    assert may_get(snapshot)
    authority = snapshot.authorities["https://idp.test"]
    assert (authority.provider, authority.keys, authority.subject) == ("corp", TRUSTED.keys, subject)
    assert authority.audiences == Audiences(frozenset({"aegis"}))
    assert snapshot.identity is not None
    assert snapshot.identity.subject == Subject("shop", "me")
    assert (snapshot.audience, snapshot.audience_per_destination) == ("aegis", False)


def test_nothing_new_is_no_new_snapshot() -> None:
    """What is cached by its parts stays good."""
    snapshot = first()
    assert assemble(inputs(rules=compiled(VIEW, compiled(VIEW, None))), snapshot) is not snapshot
    rules = compiled(VIEW, None)
    snapshot = assemble(inputs(rules=rules), NOTHING_KNOWN)
    assert assemble(inputs(rules=compiled(VIEW, rules)), snapshot) is snapshot


def test_a_status_that_was_written_changes_nothing() -> None:
    """Only the resourceVersion is another."""
    before = compiled(VIEW, None)
    later = evolve(VIEW, policies=((ORDERS, read_policy(policy(2))),))
    assert compiled(later, before) is before


def test_unchanged_parts_stay_the_same_objects() -> None:
    """A policy that changes does not empty the cache of tokens, which goes by the authorities."""
    before = first()
    changed = evolve(VIEW, policies=((ORDERS, read_policy(policy(2, path="/other"))),))
    after = assemble(inputs(changed), before)
    assert after.generation == 2
    assert after.authorities is before.authorities
    assert not may_get(after)
    assert may_get(after, b"/other")


def test_new_keys_make_new_authorities() -> None:
    """A cached token is judged anew."""
    before = first()
    after = assemble(inputs(trusted={"corp": Trusted(TRUST, key_set(), subject)}), before)
    assert after.authorities is not before.authorities
    assert after.authorities["https://idp.test"].keys.empty


@pytest.mark.parametrize(
    "held_policy",
    [
        pytest.param(Absent(), id="K11-deleted"),
        pytest.param(Invalid("cannot be read"), id="K12-unreadable"),
        pytest.param(read_policy({**policy(1), "spec": {"rules": []}}), id="K12-no-rules"),
        pytest.param(read_policy({**policy(1), "spec": {}}), id="K12-empty"),
    ],
)
def test_a_policy_that_cannot_be_used_denies(held_policy: Held[Any]) -> None:
    """It contributes no rule, and nothing is let through for another's DryRun."""
    dry = read_policy({**policy(1), "spec": {"enforcement": "DryRun", "rules": []}})
    view = evolve(VIEW, policies=((ORDERS, held_policy), (Key("IngressPolicy", "dry"), dry)))
    snapshot = first(view)
    assert not may_get(snapshot)
    assert not snapshot.rules.dry_run


def test_no_policy_denies() -> None:
    """A pod that names none lets nobody in."""
    assert not may_get(first(evolve(VIEW, policies=())))


def test_a_policy_that_was_not_received_closes() -> None:
    """Nothing passes before all is known."""
    snapshot = first(evolve(VIEW, policies=((ORDERS, Pending()),)))
    assert snapshot.closed == "the IngressPolicy orders has not been received yet"


@pytest.mark.parametrize("provider", [Pending(), Absent(), Invalid("cannot be read")])
def test_without_the_provider_nothing_passes(provider: Pending | Absent | Invalid) -> None:
    """Nobody can say whose tokens are good."""
    snapshot = first(evolve(VIEW, accepted={"corp": provider}))
    assert provider.reason in snapshot.closed
    assert snapshot.authorities == {}


def test_a_provider_that_was_not_reached_closes() -> None:
    """Until its issuer is known, a token cannot even be told from a stranger's."""
    snapshot = first(trusted={"corp": Untrusted("no answer")})
    assert snapshot.closed == "the provider corp is not trusted yet: no answer"
    assert snapshot.authorities == {}
    assert assemble(inputs(trusted={"corp": Untrusted("no answer")}), first()).authorities == {}


def test_a_pod_without_provider_serves_what_needs_no_token() -> None:
    """It is not closed: its rules may let anyone in."""
    snapshot = first(evolve(VIEW, accepted={}), trusted={})
    assert (snapshot.closed, snapshot.authorities) == ("", {})


def test_k04_what_is_too_old_closes() -> None:
    """The source has been silent for longer than --max-staleness; it opens again on contact."""
    closed = first(stale="nothing was heard")
    assert closed.closed == "nothing was heard"
    assert assemble(inputs(), closed).closed == ""


def test_audience_per_destination_accepts_services_of_the_namespace() -> None:
    """And not the shared audience, which could be replayed."""
    audiences = first(evolve(VIEW, accepted={"corp": PER_DESTINATION})).authorities["https://idp.test"].audiences
    assert audiences.accept("orders.shop.svc")
    assert not audiences.accept("orders.other.svc")
    assert not audiences.accept("aegis")


def test_audience_per_destination_may_be_narrowed_to_hosts() -> None:
    """The annotation ingress.hosts."""
    snapshot = first(evolve(VIEW, accepted={"corp": PER_DESTINATION}), ingress_hosts=("orders.shop.svc",))
    audiences = snapshot.authorities["https://idp.test"].audiences
    assert audiences.accept("orders.shop.svc")
    assert not audiences.accept("payments.shop.svc")


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (VIEW, ""),
        (evolve(VIEW, identity=NOT_NAMED), ""),
        (evolve(VIEW, identity=Absent()), "the Identity does not exist"),
        (evolve(VIEW, own=Pending()), "the provider of the Identity has not been received yet"),
    ],
)
def test_an_identity_that_cannot_be_assumed_says_why(view: View, reason: str) -> None:
    """Requests are then refused, never sent without their token."""
    assert no_token_reason(view) == reason
    assert first(view).no_token == reason


def test_an_identity_that_is_leaving_has_the_terms_of_the_old_provider() -> None:
    """Whatever is known of the new one, its tokens are not there yet; what the Identity itself says counts at once."""
    moved = held("Identity", "me", provider="new", egress={"hosts": ["orders.shop.svc"]})
    view = evolve(VIEW, identity=moved, own=Pending())
    snapshot = first(view, leaving=spec_of(PER_DESTINATION))
    assert (snapshot.audience_per_destination, snapshot.no_token) == (True, "")
    assert snapshot.identity is not None
    assert not snapshot.identity.may_send_to("payments.shop.svc")
    assert first(view).no_token == "the provider of the Identity has not been received yet"


def test_policies_that_are_not_in_force_are_named() -> None:
    """For readiness and the log."""
    assert policies_not_in_force(VIEW) == ()
    view = evolve(VIEW, policies=((ORDERS, Absent()),))
    assert policies_not_in_force(view) == ("IngressPolicy orders does not exist",)


def test_only_a_provider_that_is_there_has_a_spec() -> None:
    """Nothing is asked on behalf of one that is not."""
    assert spec_of(Absent()) is None
    spec = spec_of(PROVIDER)
    assert spec is not None
    assert spec.type == "oidc"


def test_a_new_identity_is_known_at_once() -> None:
    """Whose ids at the provider are comes from the provider's status, and a change of it is a new snapshot."""
    before = first()
    document = {
        "apiVersion": "aegis.aegisproxy.io/v1",
        "kind": "IdentityProvider",
        "metadata": {"name": "corp", "namespace": "shop"},
        "spec": {"type": "oidc", "audience": "aegis"},
        "status": {"principals": {"id-1": str(ALICE)}},
    }
    provider: Held[Any] = read_object(document, Key("IdentityProvider", "corp"), "shop")
    after = assemble(inputs(evolve(VIEW, accepted={"corp": provider}, own=provider)), before)
    assert after.authorities["https://idp.test"].principals == {"id-1": ALICE}
    assert after.generation == before.generation + 1

"""The steps of an Identity, one by one, and that they always end."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.identity import read_identity
from aegis_api.metadata import Metadata
from aegis_api.provider import AnyProvider, ClusterIdentityProvider, IdentityProvider, ProviderSpec
from aegis_api.reading import Node
from aegis_idp.values import Provisioned
from aegis_reconcile.objects import Object
from aegis_reconcile.plan.actions import Apply, Create, MergeMetadata, WriteStatus
from aegis_reconcile.plan.answers import Problem, Removed, Usable
from aegis_reconcile.plan.identities import (
    Deprovision,
    Do,
    Finish,
    Observed,
    Provision,
    Step,
    held_by,
    next_step,
    plan_unreadable,
    with_mark,
)
from support.provider_in_memory import ProviderInMemory

NOW = "2026-01-01T00:00:00Z"
SPEC = ProviderSpec("memory", "aegis")
GONE = Problem("ProviderNotFound", "there is none")
DOWN = Problem("ProviderUnreachable", "no answer", again=True, retry_after=9, reachable=False)
FINALIZER = "aegisproxy.io/provider"
HOLDER = "aegisproxy.io/provisioned-by"
POLICY = "aegisproxy.io/deletion-policy"
ACCOUNT: Object = {"metadata": {"name": "cart", "namespace": "shop"}}
OURS: Object = {
    "metadata": {
        "name": "cart",
        "labels": {"app.kubernetes.io/managed-by": "aegis"},
        "ownerReferences": [{"uid": "other"}],
        "resourceVersion": "3",
    }
}


def usable(name: str = "idp", makes: bool = True, wide: bool = False) -> Usable:
    provider: AnyProvider = (
        ClusterIdentityProvider(Metadata(name, uid=f"uid-{name}"), SPEC)
        if wide
        else IdentityProvider(Metadata(name, "shop", uid=f"uid-{name}"), SPEC)
    )
    return Usable(provider, ProviderInMemory(makes), None, makes)


def document(
    held: str | None = None, deleting: bool = False, orphan: bool = False, status: object = None
) -> dict[str, Any]:
    annotations = {HOLDER: held} if held else {}
    return {
        "metadata": {
            "name": "cart",
            "namespace": "shop",
            "uid": "u1",
            "generation": 1,
            "resourceVersion": "7",
            "finalizers": ["others"] + ([FINALIZER] if held is not None else []),
            "annotations": annotations | ({POLICY: "Orphan"} if orphan else {}),
            **({"deletionTimestamp": "2026-02-02T00:00:00Z"} if deleting else {}),
        },
        "spec": {"provider": "idp"},
        **({"status": status} if status else {}),
    }


def observed(there: dict[str, Any] | None = None, **changes: Any) -> Observed:
    there = there or document()
    found = {
        "document": there,
        "identity": read_identity(Node(there)),
        "provider": usable(),
        "holders": {name: usable() for name in held_by(there)},
        "unsuitable": None,
        "account": ACCOUNT,
        "cluster": "c1",
        "thorough": False,
        **changes,
    }
    return Observed(**found)


def step(there: dict[str, Any] | None = None, **changes: Any) -> Step:
    return next_step(observed(there, **changes), NOW)


def write_of(found: Step) -> WriteStatus:
    assert isinstance(found, Finish)
    write = found.actions[0]
    assert isinstance(write, WriteStatus)
    return write


def reason(found: Step) -> str:
    return str(write_of(found).status["conditions"][0]["reason"])


HELD = "IdentityProvider/idp"
BOTH = "IdentityProvider/idp,IdentityProvider/other"
READY = {
    "observedGeneration": 1,
    "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "m"}],
    "providerUid": "uid-idp",
    "metadata": {"role": "r", "odd": 1},
}


def test_account_comes_first() -> None:
    """Without a ServiceAccount, one is made that goes with the Identity."""
    found = step(account=None)
    assert isinstance(found, Do)
    assert isinstance(found.action, Create)
    assert found.action.body["metadata"]["ownerReferences"][0]["uid"] == "u1"


def test_shared_account_of_ours_gets_one_owner_more() -> None:
    """The owners that are there stay."""
    found = step(account=OURS)
    assert isinstance(found, Do)
    assert isinstance(found.action, Apply)
    metadata = found.action.body["metadata"]
    assert [owner["uid"] for owner in metadata["ownerReferences"]] == ["other", "u1"]
    assert metadata["resourceVersion"] == "3"


def test_mark_is_set_with_the_providers_name() -> None:
    """Finalizer and holder are one write, on the version that was read; others' finalizers stay."""
    found = step(provider=usable(wide=True))
    assert found == Do(
        MergeMetadata(
            found.action.key,  # type: ignore[union-attr]  # compared as a whole
            {
                "resourceVersion": "7",
                "finalizers": ["others", FINALIZER],
                "annotations": {HOLDER: "ClusterIdentityProvider/idp"},
            },
        )
    )


@pytest.mark.parametrize(
    ("there", "changes", "wanted"),
    [
        (document(HELD), {}, Provision),
        (document(HELD, status=READY), {}, Finish),
        (document(HELD, status=READY), {"thorough": True}, Provision),
        (document(HELD), {"made": Provisioned()}, Finish),
        (document(HELD), {"made": DOWN}, Finish),
        (document(), {"provider": usable(makes=False)}, Finish),
        (document(HELD), {"provider": usable(makes=False)}, Deprovision),
        (document(HELD), {"provider": usable("other")}, Do),
        (document(HELD), {"provider": usable(wide=True)}, Do),
        (document(BOTH), {"provider": usable("other")}, Provision),
        (document(BOTH), {"provider": usable("other"), "made": DOWN}, Finish),
        (document(BOTH), {"provider": usable("other"), "made": Provisioned()}, Deprovision),
        (document(BOTH), {"provider": usable("other"), "made": Provisioned(), "removed": {HELD: Removed()}}, Do),
        (document(BOTH), {"provider": usable("other"), "made": Provisioned(), "removed": {HELD: DOWN}}, Finish),
        (document(BOTH, orphan=True), {"provider": usable("other"), "made": Provisioned()}, Do),
        (document(HELD), {"provider": usable(makes=False), "removed": {HELD: Removed()}}, Do),
        (document(BOTH, deleting=True), {"removed": {HELD: DOWN}}, Deprovision),
        (document(HELD), {"provider": GONE, "untouched": frozenset({HELD})}, Do),
        (document(HELD), {"provider": GONE}, Finish),
        (document(""), {}, Provision),
        (document(deleting=True), {}, Finish),
        (document(HELD, deleting=True), {}, Deprovision),
        (document(HELD, deleting=True), {"removed": {HELD: Removed()}}, Do),
        (document(HELD, deleting=True, orphan=True), {"holders": {HELD: GONE}}, Do),
        (document(HELD, deleting=True), {"holders": {HELD: GONE}}, Finish),
        (document("", deleting=True), {"removed": {"": DOWN}}, Finish),
    ],
)
def test_next_step(there: dict[str, Any], changes: dict[str, Any], wanted: type[Step]) -> None:
    """Each state has one next step."""
    assert type(step(there, **changes)) is wanted


@pytest.mark.parametrize(
    ("there", "changes", "said"),
    [
        (document(), {"provider": GONE}, "ProviderNotFound"),
        (document(), {"unsuitable": Problem("Unsuitable", "x")}, "Unsuitable"),
        (document(), {"account": Problem("ServiceAccountRefused", "x")}, "ServiceAccountRefused"),
        (document(HELD), {"made": DOWN}, "ProviderUnreachable"),
        (document(HELD), {"made": Provisioned()}, "Ready"),
        (document(HELD, deleting=True), {"holders": {HELD: GONE}}, "WaitingForProvider"),
        (document(HELD, deleting=True), {"removed": {HELD: DOWN}}, "WaitingForProvider"),
    ],
)
def test_reason_in_the_status(there: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    """What stands in the way is the reason of Ready."""
    assert reason(step(there, **changes)) == said


def test_only_an_outage_is_tried_again() -> None:
    """A Problem that people must mend ends the work."""
    found = step(document(HELD), made=DOWN)
    assert isinstance(found, Finish)
    assert found.problem == DOWN
    found = step(provider=GONE)
    assert isinstance(found, Finish)
    assert found.problem is None
    found = step(document("", deleting=True), removed={"": DOWN})
    assert isinstance(found, Finish)
    assert found.problem is not None
    assert found.problem.retry_after == 9
    assert "it waits for its provider" in found.problem.message


def test_request_bears_the_owners_mark_and_the_last_metadata() -> None:
    """What the plugin gave back comes in again, odd values left out."""
    found = step(document(HELD, status=READY), thorough=True)
    assert isinstance(found, Provision)
    assert (found.request.owner.cluster, found.request.owner.uid) == ("c1", "u1")
    assert str(found.request.subject) == "system:serviceaccount:shop:cart"
    assert found.request.metadata == {"role": "r"}


def test_metadata_goes_to_the_provider_that_gave_it() -> None:
    """While an Identity moves, the old provider sees its own ids again, and the new one starts without any."""
    there = document(BOTH, status=READY)
    found = step(there, provider=usable("other"))
    assert isinstance(found, Provision)
    assert found.request.metadata == {}
    made = {"provider": usable("other"), "made": Provisioned({"client": "c"})}
    found = step(there, **made)
    assert isinstance(found, Deprovision)
    assert (found.holder, found.request.metadata) == (HELD, {"role": "r"})
    found = step(there, **made, removed={HELD: DOWN})
    assert reason(found) == "Ready"
    status = write_of(found).status
    assert (status["providerUid"], status["metadata"]) == ("uid-other", {"client": "c"})
    assert status["conditions"][2]["reason"] == "WaitingForProvider"
    assert "it has moved to its new provider and waits for IdentityProvider/idp" in status["conditions"][2]["message"]


def test_every_provider_that_can_be_left_is_left() -> None:
    """One that is down does not keep the others; what is told is what will be tried again."""
    there = document(f"IdentityProvider/gone,{BOTH}", deleting=True)
    holders = {"IdentityProvider/gone": GONE, HELD: usable(), "IdentityProvider/other": usable("other")}
    found = step(there, holders=holders, removed={HELD: DOWN})
    assert isinstance(found, Deprovision)
    assert found.holder == "IdentityProvider/other"
    found = step(there, holders={**holders, "IdentityProvider/other": GONE}, removed={HELD: DOWN})
    assert isinstance(found, Finish)
    assert found.problem is not None
    assert "it waits for IdentityProvider/idp" in found.problem.message


def test_unreadable_identity_goes_when_its_owner_lets_it_go() -> None:
    """Nobody knows for whom to clean up, so the mark stays until the annotation says otherwise."""
    (write,) = plan_unreadable(document(HELD, deleting=True), "spec.provider: got 1", NOW, False)[:1]
    assert isinstance(write, WriteStatus)
    (change,) = plan_unreadable(document(HELD, deleting=True, orphan=True), "spec.provider: got 1", NOW, False)
    assert isinstance(change, MergeMetadata)
    assert change.metadata["finalizers"] == ["others"]


PROVIDERS = st.sampled_from(
    [usable(), usable("other"), usable(makes=False), usable(wide=True), GONE, DOWN, Problem("ProviderPending", "p")]
)


@given(
    st.builds(
        document,
        held=st.sampled_from([None, "", HELD, BOTH, "ClusterIdentityProvider/idp", "odd", ",,"]),
        deleting=st.booleans(),
        orphan=st.booleans(),
        status=st.sampled_from([None, READY]),
    ),
    PROVIDERS,
    PROVIDERS,
    st.sampled_from([None, ACCOUNT, OURS]),
    st.sampled_from([None, Problem("Unsuitable", "x")]),
    st.booleans(),
    st.sampled_from([Provisioned({"role": "r"}), DOWN, GONE]),
    st.sampled_from([Removed(), DOWN, GONE]),
    st.sampled_from([None, GONE]),
)
def test_steps_end_and_never_ask_without_a_mark(
    there: dict[str, Any],
    provider: Usable | Problem,
    holder: Usable | Problem,
    account: Object | None,
    unsuitable: Problem | None,
    thorough: bool,
    made: Provisioned | Problem,
    removed: Removed | Problem,
    again: Problem | None,
) -> None:
    """R03: from any state, with any answers, a few steps end in Finish, and the mark stands at each question."""
    state = observed(
        there,
        provider=provider,
        holders=dict.fromkeys(held_by(there), holder),
        account=account,
        unsuitable=unsuitable,
        thorough=thorough,
    )
    for _ in range(12):
        match next_step(state, NOW):
            case Finish():
                return
            case Provision(at, _):
                assert {"", at.reference} & set(held_by(state.document))
                state = evolve(state, made=made, untouched=frozenset())
            case Deprovision(name, at, _):
                assert name in held_by(state.document)
                assert at is state.holders[name]
                state = evolve(state, removed={**state.removed, name: removed})
            case Do(MergeMetadata(_, change)):
                metadata = {**state.document["metadata"], "finalizers": change["finalizers"]}
                marks = {**metadata["annotations"], **change["annotations"]}
                metadata["annotations"] = {name: value for name, value in marks.items() if value is not None}
                state = with_mark(state, {**state.document, "metadata": metadata}, again or state.provider)
            case Do(Create(_, body) | Apply(_, body)):
                state = evolve(state, account=body)
    raise AssertionError("the steps do not end")

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
from aegis_reconcile.observe import with_document
from aegis_reconcile.plan.actions import Apply, Create, MergeMetadata, WriteStatus
from aegis_reconcile.plan.answers import Problem, Removed, Usable
from aegis_reconcile.plan.identities import Deprovision, Do, Finish, Observed, Provision, Step, held_by, next_step
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
        ClusterIdentityProvider(Metadata(name), SPEC) if wide else IdentityProvider(Metadata(name, "shop"), SPEC)
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
        "holder": None if held_by(there) is None else usable(),
        "unsuitable": None,
        "account": ACCOUNT,
        "cluster": "c1",
        "thorough": False,
        **changes,
    }
    return Observed(**found)


def step(there: dict[str, Any] | None = None, **changes: Any) -> Step:
    return next_step(observed(there, **changes), NOW)


def reason(found: Step) -> str:
    assert isinstance(found, Finish)
    write = found.actions[0]
    assert isinstance(write, WriteStatus)
    return str(write.status["conditions"][0]["reason"])


HELD = "IdentityProvider/idp"
READY = {
    "observedGeneration": 1,
    "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "m"}],
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
        (document(HELD), {"provider": usable("other")}, Deprovision),
        (document(HELD), {"provider": usable(wide=True)}, Deprovision),
        (document(HELD), {"provider": usable("other"), "removed": Removed()}, Do),
        (document(HELD, orphan=True), {"provider": usable("other")}, Do),
        (document(HELD), {"provider": GONE}, Finish),
        (document(""), {}, Provision),
        (document(deleting=True), {}, Finish),
        (document(HELD, deleting=True), {}, Deprovision),
        (document(HELD, deleting=True), {"removed": Removed()}, Do),
        (document(HELD, deleting=True, orphan=True), {"holder": GONE}, Do),
        (document(HELD, deleting=True), {"holder": GONE}, Finish),
        (document("", deleting=True), {"removed": DOWN}, Finish),
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
        (document(HELD, deleting=True), {"holder": GONE}, "WaitingForProvider"),
        (document(HELD, deleting=True), {"removed": DOWN}, "WaitingForProvider"),
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
    found = step(document("", deleting=True), removed=DOWN)
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


PROVIDERS = st.sampled_from(
    [usable(), usable("other"), usable(makes=False), usable(wide=True), GONE, DOWN, Problem("ProviderPending", "p")]
)


@given(
    st.builds(
        document,
        held=st.sampled_from([None, "", HELD, "ClusterIdentityProvider/idp", "odd"]),
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
) -> None:
    """R03: from any state, with any answers, a few steps end in Finish, and the mark stands at each question."""
    state = observed(
        there,
        provider=provider,
        holder=None if held_by(there) is None else holder,
        account=account,
        unsuitable=unsuitable,
        thorough=thorough,
    )
    for _ in range(8):
        match next_step(state, NOW):
            case Finish():
                return
            case Provision(at, _):
                assert held_by(state.document) in ("", at.reference)
                state = evolve(state, made=made)
            case Deprovision(at, _):
                assert held_by(state.document) is not None
                assert at is state.holder
                state = evolve(state, removed=removed)
            case Do(MergeMetadata(_, change)):
                metadata = {**state.document["metadata"], "finalizers": change["finalizers"]}
                marks = {**metadata["annotations"], **change["annotations"]}
                metadata["annotations"] = {name: value for name, value in marks.items() if value is not None}
                state = with_document(state, {**state.document, "metadata": metadata})
            case Do(Create(_, body) | Apply(_, body)):
                state = evolve(state, account=body)
    raise AssertionError("the steps do not end")

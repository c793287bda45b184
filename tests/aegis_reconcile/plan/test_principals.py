"""Whose ids at a provider are."""

from functools import partial
from typing import Any

import pytest

from aegis_reconcile.objects import IDENTITY_PROVIDER
from aegis_reconcile.plan.actions import WriteStatus
from aegis_reconcile.plan.principals import agrees, plan_principals
from aegis_reconcile.times import age

NOW, LATER = "2030-01-01T00:00:00Z", "2030-01-01T00:05:00Z"
CART = "system:serviceaccount:shop:cart"


def provider(**status: object) -> dict[str, Any]:
    return {"metadata": {"name": "idp", "namespace": "shop", "uid": "p1", "resourceVersion": "7"}, "status": status}


def identity(principal: object = "id-1", uid: str = "p1", subject: str = CART, deleted: bool = False) -> dict[str, Any]:
    metadata = {"deletionTimestamp": "2030-01-01T00:00:00Z"} if deleted else {}
    status = {"subject": subject, "providerUid": uid, "metadata": {"principal": principal}}
    return {"metadata": metadata, "status": status}


def table(there: dict[str, Any], *identities: dict[str, Any]) -> object:
    """What the table holds after the plan is done."""
    actions = plan_principals(IDENTITY_PROVIDER, there, identities, NOW, partial(age, NOW))
    if not actions:
        return there["status"].get("principals", {})
    (write,) = actions
    assert isinstance(write, WriteStatus)
    assert (write.key.name, write.resource_version, write.status.get("issuer")) == ("idp", "7", "i")
    return write.status.get("principals", {})


@pytest.mark.parametrize(
    ("identities", "expected"),
    [
        ([identity()], {"id-1": CART}),
        ([identity(), identity("id-2", subject=CART + "2")], {"id-1": CART, "id-2": CART + "2"}),
        ([identity(), identity()], {"id-1": CART}),
        ([identity(), identity(subject=CART + "2")], {}),
        ([identity(uid="p2", subject=CART + "3"), identity("id-2", uid="", subject=CART + "4")], {}),
        ([identity("id-3", uid="p2", deleted=True)], {}),
        ([identity(deleted=True)], {}),
        ([identity(principal=5), identity(principal=""), identity(subject=""), {}], {}),
        ([], {}),
    ],
    ids=["one", "two", "twice", "disputed", "another-provider", "moved-and-deleted", "deleted", "no-id", "none"],
)
def test_the_table_holds_the_providers_own_identities(identities: list[dict[str, Any]], expected: object) -> None:
    """Whatever it held before; an id that two subjects claim is nobody's."""
    for before in ({}, {"id-1": CART}, {"id-9": CART}):
        assert table(provider(issuer="i", **({"principals": before} if before else {})), *identities) == expected


@pytest.mark.parametrize("elsewhere", [identity("id-2", uid="p2"), identity(principal="", uid="")])
def test_an_identity_that_has_moved_counts_for_a_while(elsewhere: dict[str, Any]) -> None:
    """Its proxies send tokens of the old provider until the new one has given some. It begins when it is seen."""
    there = provider(principals={"id-1": CART}, conditions=[])
    (write,) = plan_principals(IDENTITY_PROVIDER, there, [elsewhere], NOW, partial(age, NOW))
    assert isinstance(write, WriteStatus)
    assert write.status == {"conditions": [], "principals": {"id-1": CART}, "leaving": {"id-1": NOW}}
    leaving = provider(**write.status)
    assert (
        plan_principals(
            IDENTITY_PROVIDER, leaving, [elsewhere], "2030-01-01T00:04:59Z", partial(age, "2030-01-01T00:04:59Z")
        )
        == ()
    )
    (gone,) = plan_principals(IDENTITY_PROVIDER, leaving, [elsewhere], LATER, partial(age, LATER))
    assert isinstance(gone, WriteStatus)
    assert gone.status == {"conditions": []}


def test_one_that_comes_back_is_at_home_again() -> None:
    """With its id of before; with another one there, the one of before goes at once."""
    leaving = provider(principals={"id-1": CART}, leaving={"id-1": NOW})
    (back,) = plan_principals(IDENTITY_PROVIDER, leaving, [identity()], LATER, partial(age, LATER))
    assert isinstance(back, WriteStatus)
    assert back.status == {"principals": {"id-1": CART}}
    (anew,) = plan_principals(IDENTITY_PROVIDER, leaving, [identity("id-2")], NOW, partial(age, NOW))
    assert isinstance(anew, WriteStatus)
    assert anew.status == {"principals": {"id-2": CART}}


@pytest.mark.parametrize("since", ["yesterday", 5, None])
def test_a_while_that_never_began_is_over(since: object) -> None:
    """Somebody else wrote that."""
    leaving = provider(principals={"id-1": CART}, leaving={"id-1": since})
    (write,) = plan_principals(IDENTITY_PROVIDER, leaving, [identity(uid="p2")], NOW, partial(age, NOW))
    assert isinstance(write, WriteStatus)
    assert write.status == {}


def test_a_table_that_is_right_is_not_written() -> None:
    """A write would come back as an event."""
    assert (
        plan_principals(IDENTITY_PROVIDER, provider(principals={"id-1": CART}), [identity()], NOW, partial(age, NOW))
        == ()
    )
    assert plan_principals(IDENTITY_PROVIDER, provider(), [], NOW, partial(age, NOW)) == ()


@pytest.mark.parametrize(
    ("there", "who", "expected"),
    [
        (provider(principals={"id-1": CART}), identity(), True),
        (provider(), identity(), False),
        (provider(principals={"id-1": CART + "2"}), identity(), False),
        (provider(principals={"id-1": CART}), identity(deleted=True), False),
        (provider(), identity(deleted=True), True),
        (provider(principals={"id-1": CART}), identity(uid="p2"), False),
        ({"metadata": {}}, identity(uid=""), True),
    ],
)
def test_whether_the_table_agrees_with_an_identity(there: dict[str, Any], who: dict[str, Any], expected: bool) -> None:
    """So that most events of an Identity end with one look."""
    assert agrees(there, who) is expected

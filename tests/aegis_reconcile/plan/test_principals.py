"""Whose ids at a provider are."""

from typing import Any

import pytest

from aegis_reconcile.objects import IDENTITY_PROVIDER
from aegis_reconcile.plan.actions import WriteStatus
from aegis_reconcile.plan.principals import agrees, plan_principals

CART = "system:serviceaccount:shop:cart"


def provider(**status: object) -> dict[str, Any]:
    return {"metadata": {"name": "idp", "namespace": "shop", "uid": "p1", "resourceVersion": "7"}, "status": status}


def identity(principal: object = "id-1", uid: str = "p1", subject: str = CART, deleted: bool = False) -> dict[str, Any]:
    metadata = {"deletionTimestamp": "2030-01-01T00:00:00Z"} if deleted else {}
    status = {"subject": subject, "providerUid": uid, "metadata": {"principal": principal}}
    return {"metadata": metadata, "status": status}


def table(there: dict[str, Any], *identities: dict[str, Any]) -> object:
    """What the table holds after the plan is done."""
    actions = plan_principals(IDENTITY_PROVIDER, there, identities)
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
        ([identity(uid="p2"), identity("id-2", uid="")], {}),
        ([identity(deleted=True)], {}),
        ([identity(principal=5), identity(principal=""), identity(subject=""), {}], {}),
        ([], {}),
    ],
    ids=["one", "two", "twice", "disputed", "another-provider", "deleted", "no-id", "none"],
)
def test_the_table_holds_the_providers_own_identities(identities: list[dict[str, Any]], expected: object) -> None:
    """Whatever it held before; an id that two subjects claim is nobody's."""
    for before in ({}, {"id-1": CART}, {"id-9": CART}):
        assert table(provider(issuer="i", **({"principals": before} if before else {})), *identities) == expected


def test_a_table_that_is_right_is_not_written() -> None:
    """A write would come back as an event."""
    assert plan_principals(IDENTITY_PROVIDER, provider(principals={"id-1": CART}), [identity()]) == ()
    assert plan_principals(IDENTITY_PROVIDER, provider(), []) == ()


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

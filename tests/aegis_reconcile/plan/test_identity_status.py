"""What an Identity's status says in each case."""

from typing import Any

import pytest

from aegis_api.identity import read_identity
from aegis_api.metadata import Metadata
from aegis_api.provider import IdentityProvider, ProviderSpec
from aegis_api.reading import Node
from aegis_reconcile.plan.actions import WriteStatus
from aegis_reconcile.plan.answers import Problem, Usable
from aegis_reconcile.plan.identity_status import Kept, kept_of, plan_identity_status, plan_unreadable_identity
from support.provider_in_memory import ProviderInMemory

DOCUMENT = {
    "metadata": {"name": "cart", "namespace": "shop", "generation": 4, "resourceVersion": "7"},
    "spec": {"provider": "idp"},
}
DOWN = Problem("ProviderUnreachable", "no answer", again=True, reachable=False)


def usable(makes: bool) -> Usable:
    provider = IdentityProvider(Metadata("idp", "shop"), ProviderSpec("memory", "a"))
    return Usable(provider, ProviderInMemory(makes), None, makes)


def status(provider: Usable | None, held: bool, problem: Problem | None) -> dict[str, Any]:
    identity = read_identity(Node(DOCUMENT))
    kept = Kept("p1", 2, "t0", {"role": "r"}) if held else None
    actions = plan_identity_status(DOCUMENT, identity, provider, kept, problem, "t", refresh=True)
    assert isinstance(actions[0], WriteStatus)
    return dict(actions[0].status)


@pytest.mark.parametrize(
    ("provider", "held", "problem", "conditions"),
    [
        (usable(True), True, None, [("True", "Ready"), ("True", "Answered"), ("True", "Provisioned")]),
        (usable(False), False, None, [("True", "Ready"), ("True", "Answered"), ("True", "NothingToMake")]),
        (usable(True), True, DOWN, [("False", DOWN.reason), ("False", DOWN.reason), ("Unknown", DOWN.reason)]),
        (
            None,
            False,
            Problem("ProviderNotFound", "x"),
            [("False", "ProviderNotFound"), ("Unknown", "NotAsked"), ("False", "ProviderNotFound")],
        ),
    ],
)
def test_conditions_of_an_identity(
    provider: Usable | None, held: bool, problem: Problem | None, conditions: list[tuple[str, str]]
) -> None:
    """Ready, ProviderReachable and Provisioned, in this order."""
    said = status(provider, held, problem)
    assert [item["type"] for item in said["conditions"]] == ["Ready", "ProviderReachable", "Provisioned"]
    assert [(item["status"], item["reason"]) for item in said["conditions"]] == conditions
    assert said["subject"] == "system:serviceaccount:shop:cart"
    assert said["observedGeneration"] == 4
    assert ("metadata" in said) is held
    told = ("p1", 2, "t0") if held else (None, None, None)
    assert (said.get("providerUid"), said.get("providerGeneration"), said.get("lastCheckTime")) == told
    assert ("provider" in said) is (provider is not None)


@pytest.mark.parametrize(("metadata", "provisioned"), [(None, "False"), ({"role": "r"}, "Unknown")])
def test_unreadable_identity_forgets_nothing(metadata: object, provisioned: str) -> None:
    """What the plugin wants back survives a spec that nobody can read."""
    kept = (
        {"metadata": metadata, "providerUid": "p1", "providerGeneration": 2, "lastCheckTime": "t0"} if metadata else {}
    )
    document = {**DOCUMENT, **({"status": kept} if metadata else {})}
    write = plan_unreadable_identity(document, "spec.provider: got 1", "t", refresh=False)[0]
    assert isinstance(write, WriteStatus)
    assert {name: write.status[name] for name in kept} == kept
    assert [item["status"] for item in write.status["conditions"]] == ["False", "Unknown", provisioned]
    assert write.status["conditions"][0]["message"] == "spec.provider: got 1"


def test_what_a_status_keeps_is_read_as_it_was_written() -> None:
    """And what is not of that form, which nobody wrote who should, is not there."""
    kept = Kept("p1", 2, "t0", {"role": "r"})
    assert kept_of({"status": kept.to_json()}) == kept
    odd = {"providerUid": 1, "providerGeneration": "2", "lastCheckTime": None, "metadata": {"role": "r", "odd": 1}}
    assert kept_of({"status": odd}) == Kept("", 0, "", {"role": "r"})
    assert kept_of({}).to_json() == {}

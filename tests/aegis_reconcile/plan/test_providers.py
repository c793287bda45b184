"""What the status of a provider says for each verdict."""

from typing import Any

import pytest

from aegis_reconcile.objects import CLUSTER_IDENTITY_PROVIDER, IDENTITY_PROVIDER, Resource
from aegis_reconcile.plan.actions import WriteStatus
from aegis_reconcile.plan.answers import Problem, Trusted
from aegis_reconcile.plan.providers import in_use, plan_guard, plan_provider

DOWN = Problem("IssuerUnreachable", "no answer", again=True, reachable=False)


def status(
    verdict: Trusted | Problem, before: dict[str, Any] | None = None, resource: Resource = IDENTITY_PROVIDER
) -> dict[str, Any]:
    document = {
        "metadata": {"name": "idp", "namespace": "shop", "generation": 2, "resourceVersion": "5"},
        "status": before,
    }
    write = plan_provider(resource, document, verdict, "t", refresh=True)[0]
    assert isinstance(write, WriteStatus)
    assert write.key.resource == resource
    return dict(write.status)


@pytest.mark.parametrize(
    ("verdict", "ready", "reachable"),
    [
        (Trusted("https://a"), ("True", "Ready"), ("True", "Answered")),
        (DOWN, ("False", "IssuerUnreachable"), ("False", "IssuerUnreachable")),
        (Problem("ProviderRefused", "no", reachable=True), ("False", "ProviderRefused"), ("True", "ProviderRefused")),
        (Problem("PluginMissing", "none"), ("False", "PluginMissing"), ("Unknown", "NotAsked")),
    ],
)
def test_conditions_of_a_provider(
    verdict: Trusted | Problem, ready: tuple[str, str], reachable: tuple[str, str]
) -> None:
    """Ready says whether tokens can be judged, ProviderReachable whether the provider answered."""
    said = status(verdict, resource=CLUSTER_IDENTITY_PROVIDER)
    assert [(item["status"], item["reason"]) for item in said["conditions"]] == [ready, reachable]
    assert said["observedGeneration"] == 2


@pytest.mark.parametrize(
    ("before", "verdict", "issuer"),
    [
        (None, Trusted("https://a"), "https://a"),
        ({"issuer": "https://a", "observedGeneration": 2}, DOWN, "https://a"),
        ({"issuer": "https://a", "observedGeneration": 1}, DOWN, None),
        ({"issuer": "https://a", "observedGeneration": 2}, Problem("SettingsInvalid", "x"), None),
        (None, DOWN, None),
    ],
)
def test_issuer_is_shown_while_it_holds(
    before: dict[str, Any] | None, verdict: Trusted | Problem, issuer: str | None
) -> None:
    """An outage keeps the issuer of the same settings; new settings or a refusal do not."""
    assert status(verdict, before).get("issuer") == issuer


@pytest.mark.parametrize(
    ("finalizers", "deleting", "makes", "users", "wanted"),
    [
        ([], False, True, [], ["aegisproxy.io/identities"]),
        (["x"], False, True, [], ["x", "aegisproxy.io/identities"]),
        ([], False, False, [], None),
        (["aegisproxy.io/identities"], False, True, [], None),
        (["aegisproxy.io/identities"], False, False, [], None),
        ([], True, True, [], None),
        (["aegisproxy.io/identities", "x"], True, True, ["cart"], None),
        (["aegisproxy.io/identities", "x"], True, False, [], ["x"]),
    ],
)
def test_guard_of_a_provider(
    finalizers: list[str], deleting: bool, makes: bool, users: list[str], wanted: list[str] | None
) -> None:
    """R03: it comes before the first object and goes after the last; a plugin that is missing takes nothing away."""
    metadata: dict[str, Any] = {"name": "idp", "namespace": "shop", "resourceVersion": "5", "finalizers": finalizers}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    change = plan_guard(IDENTITY_PROVIDER, {"metadata": metadata}, makes, users)
    assert (change and change.metadata) == (wanted and {"resourceVersion": "5", "finalizers": wanted})


def test_provider_in_use_names_a_few() -> None:
    """The first five are enough to know where to look."""
    document = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    told = in_use(document, [f"i{number}" for number in range(7)]).message
    assert "since 2026-01-01T00:00:00Z, it waits for 7 Identities" in told
    assert "(i0, i1, i2, i3, i4, ...)" in told

"""What the status of a provider says for each verdict."""

from typing import Any

import pytest

from aegis_reconcile.objects import CLUSTER_IDENTITY_PROVIDER, IDENTITY_PROVIDER, Resource
from aegis_reconcile.plan.actions import WriteStatus
from aegis_reconcile.plan.answers import Problem, Trusted
from aegis_reconcile.plan.providers import plan_provider

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

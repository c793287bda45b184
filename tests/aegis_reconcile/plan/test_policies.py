"""A policy's condition says in one sentence what the proxies do with it."""

from typing import Any

import pytest

from aegis_api.policy import read_ingress_policy
from aegis_reconcile.observe import parsed
from aegis_reconcile.plan.actions import Announce, WriteStatus
from aegis_reconcile.plan.policies import plan_policy

RULE = {"identities": ["a"], "methods": ["GET"], "paths": ["/"]}
NOW = "2026-01-01T00:00:00Z"


def plan(spec: dict[str, Any], status: object = None) -> tuple[object, ...]:
    document = {
        "apiVersion": "aegis.aegisproxy.io/v1",
        "kind": "IngressPolicy",
        "metadata": {"name": "p", "namespace": "shop", "uid": "u", "generation": 2, "resourceVersion": "5"},
        "spec": spec,
        **({"status": status} if status else {}),
    }
    return plan_policy(document, parsed(read_ingress_policy, document), NOW, refresh=False)


@pytest.mark.parametrize(
    ("spec", "status", "reason", "said"),
    [
        ({"rules": [RULE]}, "True", "Valid", "1 rule, enforced"),
        ({"rules": [RULE, RULE]}, "True", "Valid", "2 rules, enforced"),
        ({"rules": []}, "True", "Valid", "no rules: every request is denied"),
        ({"enforcement": "DryRun", "rules": [RULE]}, "True", "Valid", "1 rule, judged and recorded only"),
        ({"enforcement": "DryRun"}, "True", "Valid", "0 rules, judged and recorded only"),
        ({"enforcement": "Maybe"}, "False", "Invalid", "spec.enforcement"),
        ({"rules": {}}, "False", "Invalid", "until then every request is denied"),
    ],
)
def test_condition_of_a_policy(spec: dict[str, Any], status: str, reason: str, said: str) -> None:
    """Accepted says whether the proxies' own parser takes the policy."""
    write, news = plan(spec)
    assert isinstance(write, WriteStatus)
    assert write.resource_version == "5"
    assert write.status["observedGeneration"] == 2
    (condition,) = write.status["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Accepted", status, reason)
    assert said in condition["message"]
    assert condition["lastTransitionTime"] == NOW
    assert isinstance(news, Announce)
    assert news.type == ("Normal" if status == "True" else "Warning")


def test_status_that_says_it_already_is_not_written() -> None:
    """The second plan over the result of the first is empty."""
    write, _ = plan({"rules": [RULE]})
    assert isinstance(write, WriteStatus)
    assert plan({"rules": [RULE]}, dict(write.status)) == ()

from typing import Any

import pytest
from attrs import evolve

from aegis_local.kube.admission_rules import (
    Attributes,
    ConditionFailedError,
    Webhook,
    concerns,
    conditions_hold,
    namespace_of_request,
    supports_dry_run,
)
from aegis_local.kube.kinds import builtin_kinds

KINDS = {kind.kind: kind for kind in builtin_kinds()}
POD = {"metadata": {"name": "p", "namespace": "shop", "labels": {"app": "x"}}}
CREATE = Attributes("CREATE", KINDS["Pod"], "", "shop", "p", POD, None, {}, {}, False, {"env": "dev"})
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


def webhook(**spec: Any) -> Webhook:
    return Webhook("c", {"name": "a.b.c", "rules": [RULE], **spec})


def with_rule(**rule: Any) -> Webhook:
    return webhook(rules=[{**RULE, **rule}])


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        (webhook(), True),
        (webhook(rules=[]), False),
        (with_rule(operations=["*"]), True),
        (with_rule(operations=["DELETE"]), False),
        (with_rule(apiGroups=["apps"]), False),
        (with_rule(apiGroups=["*"]), True),
        (with_rule(apiVersions=["v2"]), True),
        (webhook(rules=[{**RULE, "apiVersions": ["v2"]}], matchPolicy="Exact"), False),
        (webhook(matchPolicy="Exact"), True),
        (with_rule(resources=["*"]), True),
        (with_rule(resources=["*/*"]), True),
        (with_rule(resources=["pods/*"]), True),
        (with_rule(resources=["pods/status"]), False),
        (with_rule(scope="Namespaced"), True),
        (with_rule(scope="Cluster"), False),
        (webhook(namespaceSelector={"matchLabels": {"env": "dev"}}), True),
        (webhook(namespaceSelector={"matchLabels": {"env": "prod"}}), False),
        (webhook(objectSelector={"matchLabels": {"app": "x"}}), True),
        (webhook(objectSelector={"matchLabels": {"app": "y"}}), False),
    ],
)
def test_rules_and_selectors(hook: Webhook, expected: bool) -> None:
    """Operation, group, version, resource, scope, namespace and object must all fit."""
    assert concerns(hook, CREATE) is expected


def test_subresources_are_resources_of_their_own() -> None:
    """A rule for pods does not see their status."""
    status = evolve(CREATE, subresource="status")
    assert not concerns(webhook(), status)
    assert concerns(with_rule(resources=["pods/status"]), status)
    assert not concerns(with_rule(resources=["*"]), status)


def test_old_object_counts_for_the_selector() -> None:
    """So that nobody leaves a webhook by changing a label."""
    update = evolve(CREATE, operation="UPDATE", object={"metadata": {}}, old=POD)
    assert concerns(
        webhook(rules=[{**RULE, "operations": ["UPDATE"]}], objectSelector={"matchLabels": {"app": "x"}}), update
    )


def test_namespaces_are_selected_by_their_own_labels() -> None:
    """And other cluster-scoped objects always."""
    namespace = {"metadata": {"name": "n", "labels": {"env": "dev"}}}
    asked = Attributes("DELETE", KINDS["Namespace"], "", "", "n", None, namespace, {}, {}, False)
    hook = webhook(
        rules=[{**RULE, "operations": ["*"], "resources": ["*"], "apiGroups": ["*"]}],
        namespaceSelector={"matchLabels": {"env": "dev"}},
    )
    assert concerns(hook, asked)
    assert not concerns(hook, evolve(asked, old={"metadata": {"name": "n"}}))
    assert namespace_of_request(asked) == "n"
    assert namespace_of_request(CREATE) == "shop"
    assert concerns(hook, evolve(asked, kind=KINDS["ClusterRole"]))


def test_webhook_configurations_are_exempt() -> None:
    """Or nobody could repair a broken one."""
    hook = webhook(rules=[{**RULE, "resources": ["*"], "apiGroups": ["*"]}])
    assert not concerns(hook, evolve(CREATE, kind=KINDS["MutatingWebhookConfiguration"]))


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        ([], True),
        (["object.metadata.name == 'p'"], True),
        (["object.metadata.name == 'q'"], False),
        (["oldObject == null", "request.operation == 'CREATE'"], True),
        (["object.spec.missing", "false"], False),
    ],
)
def test_match_conditions(expressions: list[str], expected: bool) -> None:
    """All must be true; a false one decides even when another has no value."""
    conditions = [{"name": str(index), "expression": text} for index, text in enumerate(expressions)]
    assert conditions_hold(webhook(matchConditions=conditions), CREATE, {"operation": "CREATE"}) is expected


def test_a_condition_without_a_value_fails() -> None:
    """The error names the condition."""
    hook = webhook(matchConditions=[{"name": "c1", "expression": "object.spec.missing"}])
    with pytest.raises(ConditionFailedError, match=r"^c1: expression 'object.spec.missing' resulted in error"):
        conditions_hold(hook, CREATE, {})


def test_side_effects_decide_about_dry_run() -> None:
    """Only None and NoneOnDryRun are safe; without a policy a webhook fails closed."""
    assert supports_dry_run(webhook(sideEffects="None"))
    assert not supports_dry_run(webhook(sideEffects="Some"))
    assert webhook().fails_closed
    assert not webhook(failurePolicy="Ignore").fails_closed
    assert webhook().name == "a.b.c"

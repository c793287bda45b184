from typing import Any

import pytest

from aegis_local.kube.webhook_configurations import problems

GOOD = {
    "name": "a.b.c",
    "clientConfig": {"url": "https://x/y"},
    "rules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}],
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "timeoutSeconds": 5,
    "matchConditions": [{"name": "c", "expression": "true"}],
}


def test_a_good_one_passes() -> None:
    """Also one that is reached by a Service."""
    service = {**GOOD, "name": "d.e.f", "clientConfig": {"service": {"name": "s", "namespace": "n"}}}
    assert problems({"webhooks": [GOOD, service]}) == []
    assert problems({}) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "short"}, "webhooks[0].name"),
        ({"admissionReviewVersions": ["v1beta1"]}, "webhooks[0].admissionReviewVersions"),
        ({"sideEffects": "Some"}, "webhooks[0].sideEffects"),
        ({"timeoutSeconds": 31}, "webhooks[0].timeoutSeconds"),
        (
            {"rules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"]}]},
            "webhooks[0].rules[0].resources",
        ),
        ({"clientConfig": {}}, "webhooks[0].clientConfig"),
        ({"clientConfig": {"url": "http://x"}}, "webhooks[0].clientConfig.url"),
        ({"matchConditions": [{"name": "c", "expression": "("}]}, "webhooks[0].matchConditions[0].expression"),
    ],
)
def test_a_wrong_one_is_refused(change: dict[str, Any], field: str) -> None:
    """The error names the field."""
    assert [error.field for error in problems({"webhooks": [{**GOOD, **change}]})] == [field]


def test_names_are_unique() -> None:
    """Within their configuration."""
    assert [error.reason for error in problems({"webhooks": [GOOD, GOOD]})] == ["FieldValueDuplicate"]

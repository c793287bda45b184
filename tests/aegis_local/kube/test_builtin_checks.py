from typing import Any

import pytest

from aegis_local.kube.builtin_checks import problems
from aegis_local.kube.objects import Object

RBAC = "rbac.authorization.k8s.io"
CONTAINER = {"name": "c", "image": "x"}


def pod(**spec: Any) -> Object:
    return {"kind": "Pod", "spec": {"containers": [CONTAINER], **spec}}


@pytest.mark.parametrize(
    ("obj", "old", "field"),
    [
        (pod(containers=[]), None, "spec.containers"),
        (pod(containers=[{"name": "c"}]), None, "spec.containers[0].image"),
        (pod(initContainers=[CONTAINER]), None, "spec.initContainers[0].name"),
        (
            pod(containers=[{**CONTAINER, "volumeMounts": [{"name": "v"}]}]),
            None,
            "spec.containers[0].volumeMounts[0].name",
        ),
        (pod(restartPolicy="Never"), pod(), "spec"),
        (pod(containers=[{**CONTAINER, "command": ["x"]}]), pod(), "spec"),
        ({"kind": "RoleBinding", "roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}, "roleRef"),
        ({"kind": "Role", "rules": [{"apiGroups": [""], "resources": ["pods"]}]}, None, "rules[0].verbs"),
        ({"kind": "Role", "rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]}, None, "rules[0].nonResourceURLs"),
        ({"kind": "ClusterRole", "rules": [{"verbs": ["get"], "resources": ["pods"]}]}, None, "rules[0].apiGroups"),
        ({"kind": "ClusterRole", "rules": [{"verbs": ["get"], "apiGroups": [""]}]}, None, "rules[0].resources"),
        ({"kind": "Service", "spec": {}}, None, "spec.ports"),
        ({"kind": "Service", "spec": {"ports": [{"port": 0}]}}, None, "spec.ports[0].port"),
        ({"kind": "Service", "spec": {"ports": [{"port": 1, "name": "a"}, {"port": 2}]}}, None, "spec.ports[1].name"),
        (
            {"kind": "Deployment", "spec": {"selector": {"matchLabels": {"a": "b"}}}},
            None,
            "spec.template.metadata.labels",
        ),
        ({"kind": "Secret", "data": {"a": "b"}, "immutable": True}, {"data": {}, "immutable": True}, "data"),
        (
            {
                "kind": "MutatingWebhookConfiguration",
                "webhooks": [{"name": "a.b.c", "admissionReviewVersions": ["v1"]}],
            },
            None,
            "webhooks[0].clientConfig",
        ),
    ],
)
def test_what_kinds_forbid(obj: Object, old: Object | None, field: str) -> None:
    """The error names the field."""
    assert [error.field for error in problems(obj, old)] == [field]


@pytest.mark.parametrize(
    ("obj", "old"),
    [
        (pod(volumes=[{"name": "v"}], containers=[{**CONTAINER, "volumeMounts": [{"name": "v"}]}]), None),
        (pod(containers=[{"name": "c", "image": "y"}], nodeName="n"), pod()),
        ({"kind": "RoleBinding", "roleRef": {}}, {"roleRef": {}}),
        ({"kind": "ClusterRole", "rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]}, None),
        ({"kind": "Role"}, None),
        ({"kind": "Service", "spec": {"type": "ExternalName"}}, None),
        ({"kind": "Service", "spec": {"clusterIP": "None"}}, None),
        ({"kind": "Service", "spec": {"ports": [{"port": 80}]}}, None),
        (
            {
                "kind": "Deployment",
                "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}}},
            },
            None,
        ),
        ({"kind": "ConfigMap", "data": {"a": "b"}}, {"data": {}}),
        ({"kind": "Lease"}, None),
    ],
)
def test_what_kinds_allow(obj: Object, old: Object | None) -> None:
    """Nothing is wrong with it."""
    assert problems(obj, old) == []

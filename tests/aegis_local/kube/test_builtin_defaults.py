from random import Random
from typing import Any

import pytest

from aegis_local.kube.builtin_defaults import (
    CREDENTIALS_DIRECTORY,
    prepared_for_create,
    prepared_for_update,
    with_builtin_defaults,
    with_service_account,
)
from aegis_local.kube.objects import Object


def test_pods() -> None:
    """Policies, probes, images and volumes as on a cluster."""
    probe = {"httpGet": {"port": 1}}
    pod: Object = {
        "kind": "Pod",
        "spec": {
            "serviceAccountName": "a",
            "containers": [
                {"name": "c", "image": "x", "readinessProbe": probe, "livenessProbe": {"exec": {}}},
                {"name": "d", "image": "r:5000/x:1"},
            ],
            "volumes": [
                {"name": "e"},
                {"name": "s", "secret": {}},
                {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}, {"secret": {}}]}},
            ],
        },
    }
    spec = with_builtin_defaults(pod)["spec"]
    assert (spec["restartPolicy"], spec["dnsPolicy"], spec["serviceAccount"], spec["enableServiceLinks"]) == (
        "Always",
        "ClusterFirst",
        "a",
        True,
    )
    first, second = spec["containers"]
    assert (first["imagePullPolicy"], second["imagePullPolicy"]) == ("Always", "IfNotPresent")
    assert first["readinessProbe"]["httpGet"] == {"path": "/", "scheme": "HTTP", "port": 1}
    assert first["livenessProbe"]["periodSeconds"] == 10
    empty, secret, projected = spec["volumes"]
    assert (empty["emptyDir"], secret["secret"]) == ({}, {"defaultMode": 420})
    assert projected["projected"]["sources"][0]["serviceAccountToken"] == {"expirationSeconds": 3600, "path": "t"}


@pytest.mark.parametrize(
    ("obj", "path", "expected"),
    [
        ({"kind": "Deployment", "spec": {"template": {"spec": {}}}}, ("spec", "replicas"), 1),
        ({"kind": "Deployment"}, ("spec", "template", "spec", "restartPolicy"), "Always"),
        (
            {"kind": "Service", "spec": {"ports": [{"port": 80}]}},
            ("spec", "ports"),
            [{"protocol": "TCP", "targetPort": 80, "port": 80}],
        ),
        ({"kind": "Service", "spec": {"type": "ExternalName"}}, ("spec", "ipFamilies"), None),
        ({"kind": "Secret", "data": {"a": "Yg=="}, "stringData": {"c": "d"}}, ("data",), {"a": "Yg==", "c": "ZA=="}),
        ({"kind": "Secret"}, ("type",), "Opaque"),
        (
            {"kind": "Namespace", "metadata": {"name": "n"}},
            ("metadata", "labels"),
            {"kubernetes.io/metadata.name": "n"},
        ),
        ({"kind": "Namespace", "metadata": {"generateName": "n"}}, ("metadata", "labels"), None),
        (
            {"kind": "RoleBinding", "subjects": [{"kind": "User"}, {"kind": "ServiceAccount"}]},
            ("subjects",),
            [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User"}, {"kind": "ServiceAccount"}],
        ),
        (
            {"kind": "ClusterRoleBinding", "roleRef": {"name": "r"}},
            ("roleRef", "apiGroup"),
            "rbac.authorization.k8s.io",
        ),
        (
            {"kind": "CustomResourceDefinition", "spec": {"names": {"kind": "Widget"}}},
            ("spec", "names"),
            {"singular": "widget", "listKind": "WidgetList", "kind": "Widget"},
        ),
        ({"kind": "CustomResourceDefinition"}, ("spec", "conversion", "strategy"), "None"),
        ({"kind": "ValidatingWebhookConfiguration"}, ("webhooks",), None),
        ({"kind": "ConfigMap", "data": {}}, ("data",), {}),
    ],
)
def test_other_kinds(obj: Object, path: tuple[str, ...], expected: Any) -> None:
    """What Go's defaulting adds to what the writer said."""
    value: Any = with_builtin_defaults(obj)
    for part in path:
        value = value.get(part) if value is not None else None
    assert value == expected


def test_webhook_configurations() -> None:
    """Fail closed, ten seconds, equivalent versions, port 443."""
    hook = {"name": "a.b.c", "rules": [{}], "clientConfig": {"service": {"name": "s"}}}
    mutating = with_builtin_defaults({"kind": "MutatingWebhookConfiguration", "webhooks": [hook]})["webhooks"][0]
    assert (mutating["failurePolicy"], mutating["timeoutSeconds"], mutating["reinvocationPolicy"]) == (
        "Fail",
        10,
        "Never",
    )
    assert mutating["clientConfig"]["service"]["port"] == 443
    assert mutating["rules"] == [{"scope": "*"}]
    by_url = {"name": "a.b.c", "clientConfig": {"url": "https://x"}}
    validating = with_builtin_defaults({"kind": "ValidatingWebhookConfiguration", "webhooks": [by_url]})["webhooks"][0]
    assert "reinvocationPolicy" not in validating


def test_pods_get_the_token_of_their_account() -> None:
    """In every container, unless they have one or want none."""
    pod = {"spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}]}}
    spec = with_service_account(pod, "a", True, Random(1))["spec"]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("a", "a")
    assert spec["volumes"][0]["projected"]["sources"][0] == {
        "serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}
    }
    for key in ("containers", "initContainers"):
        assert spec[key][0]["volumeMounts"][0]["mountPath"] == CREDENTIALS_DIRECTORY
    assert "volumes" not in with_service_account(pod, "a", False, Random(1))["spec"]
    mounted = {"spec": {"containers": [{"volumeMounts": [{"mountPath": CREDENTIALS_DIRECTORY}]}]}}
    assert "volumes" not in with_service_account(mounted, "a", True, Random(1))["spec"]
    refused = {"spec": {"automountServiceAccountToken": False}}
    assert "volumes" not in with_service_account(refused, "a", True, Random(1))["spec"]


def test_new_objects_get_what_the_server_allocates() -> None:
    """A first status, finalizers, an address."""
    random = Random(1)
    assert prepared_for_create({"kind": "Namespace"}, random)["status"] == {"phase": "Active"}
    assert prepared_for_create({"kind": "Pod"}, random)["status"]["phase"] == "Pending"
    assert prepared_for_create({"kind": "Deployment", "status": {"x": 1}}, random)["status"] == {}
    assert "status" not in prepared_for_create({"kind": "CustomResourceDefinition", "status": {"x": 1}}, random)
    service = prepared_for_create({"kind": "Service", "spec": {"type": "ClusterIP"}}, random)["spec"]
    assert service["clusterIPs"] == [service["clusterIP"]]
    headless = prepared_for_create({"kind": "Service", "spec": {"clusterIP": "None"}}, random)["spec"]
    assert headless["clusterIP"] == "None"
    assert "clusterIP" not in prepared_for_create({"kind": "Service", "spec": {"type": "ExternalName"}}, random)["spec"]
    assert prepared_for_create({"kind": "ConfigMap"}, random) == {"kind": "ConfigMap"}


def test_updates_keep_what_was_allocated() -> None:
    """An address, and the finalizers of a namespace."""
    old = {"kind": "Service", "spec": {"clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1"]}}
    assert prepared_for_update({"kind": "Service", "spec": {}}, old)["spec"] == old["spec"]
    assert prepared_for_update({"kind": "Namespace", "spec": {}}, {"spec": {"finalizers": ["k"]}})["spec"] == {
        "finalizers": ["k"]
    }
    assert prepared_for_update({"kind": "ConfigMap"}, {}) == {"kind": "ConfigMap"}

"""The mesh's own kinds on an API server: good objects pass with their defaults, bad ones are refused by the schema."""

from copy import deepcopy
from typing import Any

import pytest

from support.kube_client import KubeClient, Object, path_of

API_VERSION = "aegis.aegisproxy.io/v1"
RULE = {"name": "r", "identities": ["id1"], "methods": ["GET"], "paths": ["/"]}
GOOD: dict[str, Object] = {
    "identityproviders": {
        "kind": "IdentityProvider",
        "spec": {
            "type": "oidc",
            "audience": "aegis",
            "config": {"issuer": "https://issuer.example.test", "deep": {"a": 1}},
        },
    },
    "clusteridentityproviders": {
        "kind": "ClusterIdentityProvider",
        "spec": {"type": "kubernetes", "audience": "aegis", "namespaceSelector": {"matchLabels": {"a": "b"}}},
    },
    "identities": {"kind": "Identity", "spec": {"provider": "local", "egress": {"hosts": ["*.svc"]}}},
    "ingresspolicies": {
        "kind": "IngressPolicy",
        "spec": {"rules": [RULE, RULE | {"name": "s", "paths": ["/a%2Fb"], "allowEncodedSlash": True}]},
    },
}


def rules(**changes: Any) -> dict[str, Any]:
    """A spec with one rule, some of its fields changed."""
    return {"rules": [RULE | changes]}


# What is changed in the good object, and the field that the refusal must name.
BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "provider without type": ("identityproviders", {"type": None}, "spec.type"),
    "provider type no name": ("identityproviders", {"type": "No Name"}, "spec.type"),
    "provider without audience": ("identityproviders", {"audience": None}, "spec.audience"),
    "provider with an empty audience": ("identityproviders", {"audience": ""}, "spec.audience"),
    "provider config no object": ("identityproviders", {"config": "x"}, "spec.config"),
    "provider flag no truth": ("identityproviders", {"audiencePerDestination": 1}, "spec.audiencePerDestination"),
    "cluster provider without audience": ("clusteridentityproviders", {"audience": None}, "spec.audience"),
    "identity without provider": ("identities", {"provider": None}, "spec.provider"),
    "identity with a bad provider": ("identities", {"provider": "A B"}, "spec.provider"),
    "identity with a bad account": ("identities", {"serviceAccountName": "A B"}, "spec.serviceAccountName"),
    "identity with a bad host": ("identities", {"egress": {"hosts": ["http://x"]}}, "spec.egress.hosts[0]"),
    "policy of unknown enforcement": ("ingresspolicies", {"enforcement": "Off"}, "spec.enforcement"),
    "rule without methods": ("ingresspolicies", rules(methods=None), "spec.rules[0].methods"),
    "rule without paths": ("ingresspolicies", rules(paths=None), "spec.rules[0].paths"),
    "rule without identities": ("ingresspolicies", rules(identities=None), "spec.rules[0]"),
    "rule with a bad identity": ("ingresspolicies", rules(identities=["a b"]), "spec.rules[0].identities[0]"),
    "rule with a bad method": ("ingresspolicies", rules(methods=["get"]), "spec.rules[0].methods[0]"),
    "rule with a relative path": ("ingresspolicies", rules(paths=["a"]), "spec.rules[0].paths[0]"),
    "rule with dot segments": ("ingresspolicies", rules(paths=["/a/../b"]), "spec.rules[0].paths[0]"),
    "rule with an encoded slash": ("ingresspolicies", rules(paths=["/a%2Fb"]), "spec.rules[0]"),
    "rule with dots beside an encoded slash": (
        "ingresspolicies",
        rules(paths=["/a%2F.."], allowEncodedSlash=True),
        "spec.rules[0].paths[0]",
    ),
    "rule of unknown path type": ("ingresspolicies", rules(pathType="Regex"), "spec.rules[0].pathType"),
    "rule open and closed": ("ingresspolicies", rules(unauthenticated=True), "spec.rules[0]"),
    "rules of one name": ("ingresspolicies", {"rules": [RULE, RULE]}, "spec.rules"),
}


def path_in(namespace: str, plural: str, name: str | None = None, subresource: str | None = None) -> str:
    """The path of a kind of the mesh; cluster-scoped ones leave the namespace out."""
    scope = None if plural.startswith("cluster") else namespace
    return path_of(API_VERSION, plural, name, scope, subresource)


def mesh_object(plural: str, name: str = "a", **changes: Any) -> Object:
    """A good object with some fields of the spec changed, or left out where the change is None."""
    body = {"apiVersion": API_VERSION, "metadata": {"name": name}, **deepcopy(GOOD[plural])}
    body["spec"] = _without_none(body["spec"] | changes)
    return body


@pytest.mark.parametrize("plural", GOOD)
def test_good_object_passes_strict_validation(client: KubeClient, namespace: str, plural: str) -> None:
    """Every field of the good object is known to the schema and comes back as it was given."""
    body = mesh_object(plural)
    answer = client.create(path_in(namespace, plural), body, fieldValidation="Strict", dryRun="All")
    created = answer.ok()
    assert created["spec"].items() >= body["spec"].items() or plural == "ingresspolicies"
    assert "Warning" not in answer.headers


@pytest.mark.parametrize(("plural", "changes", "field"), BAD.values(), ids=BAD)
def test_bad_object_is_refused_by_its_path(
    client: KubeClient, namespace: str, plural: str, changes: dict[str, Any], field: str
) -> None:
    """422 Invalid that names the field."""
    answer = client.create(path_in(namespace, plural), mesh_object(plural, **changes), dryRun="All")
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert field in answer.message


@pytest.mark.parametrize("plural", GOOD)
def test_object_without_spec_is_refused(client: KubeClient, namespace: str, plural: str) -> None:
    """The spec is required in every kind."""
    body = {key: value for key, value in mesh_object(plural).items() if key != "spec"}
    answer = client.create(path_in(namespace, plural), body, dryRun="All")
    assert answer.status == 422
    assert "spec" in {cause["field"] for cause in answer.body["details"]["causes"]}


def test_policy_defaults_are_explicit(client: KubeClient, namespace: str) -> None:
    """Enforcement and path type are filled in, so that `kubectl get` shows what is in force."""
    spec = client.create(path_in(namespace, "ingresspolicies"), mesh_object("ingresspolicies")).ok()["spec"]
    assert spec["enforcement"] == "Enforce"
    assert spec["rules"][0]["pathType"] == "Prefix"


def test_status_takes_conditions(client: KubeClient, namespace: str) -> None:
    """The reconcile function's conditions fit the schema, and the status is out of reach of the object itself."""
    path = path_in(namespace, "identities", "a")
    client.create(path_in(namespace, "identities"), mesh_object("identities")).ok()
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Reconciled",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2030-01-01T00:00:00Z",
    }
    status = {"observedGeneration": 1, "conditions": [condition], "subject": "system:serviceaccount:a:b"}
    after = client.apply(f"{path}/status", mesh_object("identities") | {"status": status}, manager="reconcile").ok()
    assert after["status"] == status
    assert client.patch(path, {"status": {"subject": "x"}}).ok()["status"] == status


def test_rule_names_may_be_left_out(client: KubeClient, namespace: str) -> None:
    """Several rules without a name are no duplicates of each other."""
    nameless = {key: value for key, value in RULE.items() if key != "name"}
    body = mesh_object("ingresspolicies", rules=[nameless, nameless])
    assert client.create(path_in(namespace, "ingresspolicies"), body).status == 201


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value

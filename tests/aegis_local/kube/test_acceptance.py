import pytest

from aegis_local.kube.acceptance import check_grants, judge, require_namespace
from aegis_local.kube.crds import kinds_of
from aegis_local.kube.errors import ApiError
from aegis_local.kube.kinds import builtin_kinds
from aegis_local.kube.store import Store
from aegis_local.kube.users import User
from support.in_memory_kube import widget, widget_crd

KINDS = {kind.kind: kind for kind in builtin_kinds()}
GROUP = "rbac.authorization.k8s.io"
RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
META = {"name": "x", "namespace": "default"}


def in_default(spec: object) -> dict[str, object]:
    return {**widget("x"), "metadata": META, "spec": spec}


def test_rules_are_judged_when_the_shape_is_right() -> None:
    """And said to be unchecked when it is not."""
    rule = {"rule": "self.size < 5", "message": "too big"}
    kind = kinds_of(widget_crd(**{"x-kubernetes-validations": [rule]}))[0]
    judge(kind, in_default({"size": 4}), None)
    with pytest.raises(ApiError, match=r"spec: Invalid value: too big"):
        judge(kind, in_default({"size": 5}), None)
    with pytest.raises(ApiError, match="some validation rules were not checked"):
        judge(kind, in_default({}), None)


def test_definitions_are_judged_as_such() -> None:
    """After their own schema."""
    crd = widget_crd()
    judge(KINDS["CustomResourceDefinition"], crd, None)
    with pytest.raises(ApiError, match=r"metadata.name: Invalid value: .* must be spec.names.plural"):
        judge(KINDS["CustomResourceDefinition"], {**crd, "metadata": {"name": "x.y"}}, None)


def test_built_in_kinds_by_schema_and_by_their_own_checks() -> None:
    """Both kinds of errors come together."""
    with pytest.raises(ApiError) as refusal:
        judge(KINDS["Role"], {"kind": "Role", "metadata": META, "rules": [{"apiGroups": [""]}]}, None)
    assert {cause["field"] for cause in refusal.value.details["causes"]} >= {"rules[0].verbs", "rules[0].resources"}


def test_identity_is_judged_on_updates() -> None:
    """A stored object keeps its name."""
    old = {"kind": "ConfigMap", "metadata": {"name": "y", "namespace": "default"}}
    with pytest.raises(ApiError, match=r"metadata.name: Invalid value"):
        judge(KINDS["ConfigMap"], {"kind": "ConfigMap", "metadata": META}, old)


def test_grants_are_checked_when_they_change() -> None:
    """For roles and bindings, and for nothing else."""
    store, alice = Store(), User("alice")
    role = {"metadata": META, "rules": [RULE]}
    with pytest.raises(ApiError, match="attempting to grant"):
        check_grants(store, alice, KINDS["Role"], role, None)
    check_grants(store, alice, KINDS["Role"], role, role)
    check_grants(store, alice, KINDS["ConfigMap"], {"metadata": META}, None)
    store.put((GROUP, "roles"), {"metadata": {"name": "r", "namespace": "default"}, "rules": [RULE]}, None)
    with pytest.raises(ApiError, match="attempting to grant"):
        check_grants(
            store, alice, KINDS["RoleBinding"], {"metadata": META, "roleRef": {"kind": "Role", "name": "r"}}, None
        )


def test_namespaces_must_be_there_to_stay() -> None:
    """404 for none, 403 with a cause for one that goes."""
    store = Store()
    require_namespace(store, KINDS["ClusterRole"], "", "x")
    with pytest.raises(ApiError, match='namespaces "n" not found'):
        require_namespace(store, KINDS["Pod"], "n", "x")
    store.put(("", "namespaces"), {"metadata": {"name": "n"}}, None)
    require_namespace(store, KINDS["Pod"], "n", "x")
    store.put(("", "namespaces"), {"metadata": {"name": "n", "deletionTimestamp": "t"}}, "2")
    with pytest.raises(ApiError, match="because it is being terminated") as refusal:
        require_namespace(store, KINDS["Pod"], "n", "x")
    assert refusal.value.details["causes"][0]["reason"] == "NamespaceTerminating"

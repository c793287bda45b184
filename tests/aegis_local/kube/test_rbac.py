from typing import Any

import pytest

from aegis_local.kube import rbac
from aegis_local.kube.objects import Object
from aegis_local.kube.rbac import Action
from aegis_local.kube.store import Store
from aegis_local.kube.users import ADMIN, User, service_account

GROUP = "rbac.authorization.k8s.io"
ALICE = User("alice", frozenset(["team"]))
ACCOUNT = service_account("shop", "a", "u", {})
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}


def role(store: Store, plural: str, name: str, *rules: Object, namespace: str = "") -> None:
    store.put((GROUP, plural), {"metadata": {"name": name, "namespace": namespace}, "rules": list(rules)}, None)


def bind(store: Store, plural: str, kind: str, name: str, *subjects: Object, namespace: str = "") -> None:
    binding = {
        "metadata": {"name": name + kind, "namespace": namespace},
        "roleRef": {"kind": kind, "name": name},
        "subjects": list(subjects),
    }
    store.put((GROUP, plural), binding, None)


@pytest.mark.parametrize(
    ("rule", "action", "expected"),
    [
        (PODS, Action("get", resource="pods"), True),
        (PODS, Action("delete", resource="pods"), False),
        (PODS, Action("get", "apps", "pods"), False),
        (PODS, Action("get", resource="secrets"), False),
        (PODS, Action("get", resource="pods", subresource="status"), False),
        ({**PODS, "resources": ["pods/status"]}, Action("get", resource="pods", subresource="status"), True),
        ({**PODS, "resources": ["*/status"]}, Action("get", resource="pods", subresource="status"), True),
        ({**PODS, "resources": ["*"], "verbs": ["*"], "apiGroups": ["*"]}, Action("x", "y", "z", "w"), True),
        ({**PODS, "resourceNames": ["a"]}, Action("get", resource="pods", name="a"), True),
        ({**PODS, "resourceNames": ["a"]}, Action("get", resource="pods", name="b"), False),
        ({**PODS, "resourceNames": ["a"]}, Action("list", resource="pods"), False),
        ({"verbs": ["get"], "nonResourceURLs": ["/api/*"]}, Action("get", path="/api/v1"), True),
        ({"verbs": ["get"], "nonResourceURLs": ["/version"]}, Action("get", path="/version/"), False),
        (PODS, Action("get", path="/pods"), False),
        ({}, Action("get", resource="pods"), False),
    ],
)
def test_rules(rule: Object, action: Action, expected: bool) -> None:
    """Verbs, groups, resources with subresources, names and paths."""
    assert rbac.permits(rule, action) is expected


@pytest.mark.parametrize(
    ("subject", "user", "expected"),
    [
        ({"kind": "User", "name": "alice"}, ALICE, True),
        ({"kind": "Group", "name": "team"}, ALICE, True),
        ({"kind": "Group", "name": "others"}, ALICE, False),
        ({"kind": "ServiceAccount", "name": "a", "namespace": "shop"}, ACCOUNT, True),
        ({"kind": "ServiceAccount", "name": "a", "namespace": "other"}, ACCOUNT, False),
        ({"kind": "ServiceAccount", "name": "a"}, ACCOUNT, True),
        ({"kind": "Robot", "name": "alice"}, ALICE, False),
    ],
)
def test_subjects(subject: Object, user: User, expected: bool) -> None:
    """Users, groups and accounts; an account without a namespace is of the binding's."""
    store = Store()
    role(store, "roles", "r", PODS, namespace="shop")
    bind(store, "rolebindings", "Role", "r", subject, namespace="shop")
    assert rbac.allowed(store, user, Action("get", resource="pods", namespace="shop")) is expected
    assert not rbac.allowed(store, user, Action("get", resource="pods", namespace="other"))
    assert not rbac.allowed(store, user, Action("get", resource="pods"))


def test_cluster_roles_hold_where_they_are_bound() -> None:
    """Everywhere by a ClusterRoleBinding, in one namespace by a RoleBinding."""
    store = Store()
    role(store, "clusterroles", "c", PODS)
    bind(store, "rolebindings", "ClusterRole", "c", {"kind": "User", "name": "alice"}, namespace="shop")
    assert rbac.allowed(store, ALICE, Action("get", resource="pods", namespace="shop"))
    assert not rbac.allowed(store, ALICE, Action("get", resource="pods"))
    bind(store, "clusterrolebindings", "ClusterRole", "c", {"kind": "User", "name": "alice"})
    assert rbac.allowed(store, ALICE, Action("get", resource="pods"))
    assert rbac.allowed(store, ALICE, Action("get", resource="pods", namespace="other"))


def test_missing_roles_allow_nothing() -> None:
    """A binding to a role that is not there, or a Role bound for the whole cluster."""
    store = Store()
    bind(store, "clusterrolebindings", "ClusterRole", "none", {"kind": "User", "name": "alice"})
    bind(store, "clusterrolebindings", "Role", "none", {"kind": "User", "name": "alice"})
    assert not rbac.allowed(store, ALICE, Action("get", resource="pods", namespace="shop"))
    assert rbac.allowed(store, ADMIN, Action("get", resource="pods"))


def test_refusals_say_who_cannot_do_what() -> None:
    """As the API server words them."""
    action = Action("get", "apps", "deployments", "scale", "shop", "x")
    assert (
        rbac.refusal(ALICE, action)
        == 'User "alice" cannot get resource "deployments/scale" in API group "apps" in the namespace "shop"'
    )
    assert rbac.refusal(ALICE, Action("list", resource="pods")).endswith('in API group "" at the cluster scope')
    assert rbac.refusal(ALICE, Action("get", path="/x")) == 'User "alice" cannot get path "/x"'


@pytest.mark.parametrize(
    ("held", "wanted", "missing"),
    [
        ([PODS], [PODS], 0),
        ([PODS], [{**PODS, "resourceNames": ["x"]}], 0),
        ([{**PODS, "resourceNames": ["x"]}], [PODS], 1),
        ([{**PODS, "resourceNames": ["x", "y"]}], [{**PODS, "resourceNames": ["x"]}], 0),
        ([{**PODS, "verbs": ["get"]}, {**PODS, "verbs": ["list"]}], [PODS], 0),
        ([{**PODS, "verbs": ["get"]}], [PODS], 1),
        ([{**PODS, "apiGroups": ["apps"]}], [PODS], 1),
        ([{**PODS, "resources": ["*/status"]}], [{**PODS, "resources": ["pods/status"]}], 0),
        ([{**PODS, "resources": ["secrets"]}], [PODS], 1),
        ([{"verbs": ["get"], "nonResourceURLs": ["/a/*"]}], [{"verbs": ["get"], "nonResourceURLs": ["/a/b"]}], 0),
        ([{"verbs": ["get"], "nonResourceURLs": ["/a"]}], [{"verbs": ["get"], "nonResourceURLs": ["/b"]}], 1),
        ([PODS], [{}], 0),
    ],
)
def test_rights_that_a_user_lacks(held: Any, wanted: Any, missing: int) -> None:
    """Each verb, group, resource and name must be covered by some rule that is held."""
    store = Store()
    role(store, "clusterroles", "c", *held)
    bind(store, "clusterrolebindings", "ClusterRole", "c", {"kind": "User", "name": "alice"})
    assert len(rbac.escalations(store, ALICE, wanted, "shop")) == missing
    assert rbac.escalations(store, ADMIN, wanted, "shop") == []


def test_descriptions_of_rules_and_groups() -> None:
    """For the message about escalation."""
    assert rbac.described_rule(PODS) == '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}'
    assert rbac.described_groups(User("x", frozenset("ba"))) == '"a" "b"'

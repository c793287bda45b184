import pytest

from aegis_local.kube.errors import ApiError
from aegis_local.kube.escalation import check_binding, check_role
from aegis_local.kube.objects import Object
from aegis_local.kube.store import Store
from aegis_local.kube.users import ADMIN, User

GROUP = "rbac.authorization.k8s.io"
ALICE = User("alice", frozenset(["team"]))
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}


def store_with(*rules: Object) -> Store:
    """Alice holds these rules in the whole cluster; the role `s` reads secrets."""
    store = Store()
    store.put((GROUP, "clusterroles"), {"metadata": {"name": "own"}, "rules": list(rules)}, None)
    binding = {
        "metadata": {"name": "own"},
        "roleRef": {"kind": "ClusterRole", "name": "own"},
        "subjects": [{"kind": "User", "name": "alice"}],
    }
    store.put((GROUP, "clusterrolebindings"), binding, None)
    store.put((GROUP, "roles"), {"metadata": {"name": "s", "namespace": "shop"}, "rules": [SECRETS]}, None)
    return store


def granting(*verbs: str) -> Object:
    return {"apiGroups": [GROUP], "resources": ["roles", "rolebindings"], "verbs": list(verbs)}


ROLE = {"metadata": {"name": "new", "namespace": "shop"}, "rules": [SECRETS]}
BINDING = {"metadata": {"name": "b", "namespace": "shop"}, "roleRef": {"kind": "Role", "name": "s"}}


def test_nobody_grants_what_they_do_not_hold() -> None:
    """403 with the rules that are missing, for roles and for bindings."""
    store = store_with(granting("create"))
    wanted = (
        r'roles.rbac.authorization.k8s.io "new" is forbidden: user "alice" .groups=."team".. is attempting to grant'
    )
    with pytest.raises(ApiError, match=wanted) as refusal:
        check_role(store, ALICE, ROLE, "roles", "shop")
    assert refusal.value.message.endswith('{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}')
    with pytest.raises(ApiError, match="is attempting to grant"):
        check_binding(store, ALICE, BINDING, "rolebindings", "shop")


@pytest.mark.parametrize("rules", [[SECRETS], [granting("escalate", "bind")]])
def test_who_holds_the_rights_may_grant_them(rules: list[Object]) -> None:
    """So may who is allowed to escalate or bind."""
    store = store_with(*rules)
    check_role(store, ALICE, ROLE, "roles", "shop")
    check_binding(store, ALICE, BINDING, "rolebindings", "shop")


def test_a_binding_to_no_role_is_refused() -> None:
    """Unless one may bind anything."""
    missing = {**BINDING, "roleRef": {"kind": "ClusterRole", "name": "none"}}
    with pytest.raises(ApiError, match=r'clusterroles.rbac.authorization.k8s.io "none" not found'):
        check_binding(store_with(), ALICE, missing, "rolebindings", "shop")
    check_binding(store_with(), ADMIN, missing, "rolebindings", "shop")

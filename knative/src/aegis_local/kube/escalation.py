"""Nobody grants rights that they do not hold: the check of Kubernetes on writes of roles and bindings."""

from collections.abc import Iterable

from aegis_local.kube import rbac
from aegis_local.kube.errors import forbidden
from aegis_local.kube.objects import Object, name_of
from aegis_local.kube.rbac import Action
from aegis_local.kube.store import Store
from aegis_local.kube.users import User

GROUP = "rbac.authorization.k8s.io"


def check_role(store: Store, user: User, role: Object, plural: str, namespace: str) -> None:
    """Refuse (403) a role whose rules its writer does not hold, unless they may `escalate`."""
    if rbac.allowed(store, user, Action("escalate", GROUP, plural, "", namespace, name_of(role))):
        return
    _refuse_missing(store, user, role.get("rules") or (), plural, namespace, name_of(role))


def check_binding(store: Store, user: User, binding: Object, plural: str, namespace: str) -> None:
    """Refuse (403) a binding to a role whose rules its writer does not hold, unless they may `bind` that role."""
    reference = binding["roleRef"]
    role_plural = "clusterroles" if reference["kind"] == "ClusterRole" else "roles"
    if rbac.allowed(store, user, Action("bind", GROUP, role_plural, "", namespace, reference["name"])):
        return
    role = rbac.role_of_binding(store, binding, namespace)
    if role is None:
        why = f'{role_plural}.{GROUP} "{reference["name"]}" not found'
        raise forbidden(GROUP, plural, name_of(binding), why)
    _refuse_missing(store, user, role.get("rules") or (), plural, namespace, name_of(binding))


def _refuse_missing(store: Store, user: User, rules: Iterable[Object], plural: str, namespace: str, name: str) -> None:
    missing = rbac.escalations(store, user, rules, namespace)
    if not missing:
        return
    lines = "\n".join(rbac.described_rule(rule) for rule in missing)
    why = (
        f'user "{user.name}" (groups=[{rbac.described_groups(user)}]) is attempting to grant RBAC permissions '
        f"not currently held:\n{lines}"
    )
    raise forbidden(GROUP, plural, name, why)

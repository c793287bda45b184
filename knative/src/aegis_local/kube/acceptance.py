"""May this object be stored? Names, schema, rules of its kind, rights it grants, and its namespace."""

from aegis_local.kube import builtin_checks, crds
from aegis_local.kube.cel_rules import NOT_CHECKED, violations
from aegis_local.kube.errors import forbidden, invalid, not_found
from aegis_local.kube.escalation import GROUP, check_binding, check_role
from aegis_local.kube.kinds import Kind
from aegis_local.kube.lifecycle import immutable_problems, metadata_problems
from aegis_local.kube.objects import Object, metadata, name_of
from aegis_local.kube.schema_validation import validate
from aegis_local.kube.store import Store
from aegis_local.kube.users import User

# An object that lacks fields or has them in wrong types cannot be handed to rules.
_BLOCKING = ("FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid")


def judge(kind: Kind, new: Object, old: Object | None) -> None:
    """Refuse (422) an object that its kind does not allow; `old` is what is stored, None for a new one."""
    errors = metadata_problems(new, kind) + ([] if old is None else immutable_problems(new, old))
    errors += validate(new, kind.schema)
    if kind.builtin:
        errors += builtin_checks.problems(new, old)
        errors = errors or (crds.problems(new) if _is_crd(kind) else [])
    elif any(error.reason in _BLOCKING for error in errors):
        errors.append(NOT_CHECKED)
    else:
        errors += violations(new, old, kind.schema)
    if errors:
        raise invalid(kind.group, kind.kind, name_of(new), errors)


def _is_crd(kind: Kind) -> bool:
    return kind.kind == "CustomResourceDefinition"


def check_grants(store: Store, user: User, kind: Kind, new: Object, old: Object | None) -> None:
    """Refuse (403) a role or binding that grants what its writer does not hold."""
    if kind.group != GROUP:
        return
    if old is not None and (new.get("rules"), new.get("subjects")) == (old.get("rules"), old.get("subjects")):
        return
    check = check_role if kind.kind in ("Role", "ClusterRole") else check_binding
    check(store, user, new, kind.plural, str(metadata(new).get("namespace") or ""))


def require_namespace(store: Store, kind: Kind, namespace: str, name: str) -> None:
    """Nothing is made in a namespace that is not there (404) or that goes away (403)."""
    if not kind.namespaced:
        return
    found = store.get(("", "namespaces"), "", namespace)
    if found is None:
        raise not_found("", "namespaces", namespace)
    if metadata(found).get("deletionTimestamp"):
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        refusal = forbidden(kind.group, kind.plural, name, why)
        message = f"namespace {namespace} is being terminated"
        refusal.details["causes"] = [
            {"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}
        ]
        raise refusal

"""What the proxies of a namespace may read: one Role and RoleBinding per ServiceAccount, on exactly the named objects.

A ClusterRole and its binding are added where a ClusterIdentityProvider is used that selects the namespace. All of
them bear the label of this function and an owner (the ServiceAccount; for what belongs to the cluster: the Namespace),
so that the garbage collector takes along what no run of this function gets to see. An object of such a name without the
label is somebody else's: it is neither changed nor bound to.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

from aegis_api.resources import GROUP
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    IDENTITY,
    IDENTITY_PROVIDER,
    INGRESS_POLICY,
    NAMESPACE,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Key,
    Object,
    Resource,
    key_of,
    mapping,
    owner_reference,
    text,
)
from aegis_reconcile.plan.actions import Action, Announce, Apply, Delete
from aegis_reconcile.plan.names import MANAGED, NAMESPACE_LABEL, cluster_role_name, role_name

_RBAC_GROUP = "rbac.authorization.k8s.io"


@frozen
class Needs:
    """The names that the proxies of one ServiceAccount read.

    `cluster_providers` are the ClusterIdentityProviders among them that select its namespace.
    """

    account: Object = field(hash=False)
    policies: frozenset[str] = frozenset()
    identities: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    cluster_providers: frozenset[str] = frozenset()


@frozen
class RightsObserved:
    """A namespace, what its proxies need, and the roles and bindings there are.

    `existing` holds all that bear our label, and all that bear a name that we would give.
    """

    namespace: Object = field(hash=False)
    needs: tuple[Needs, ...]
    existing: Mapping[Key, Object] = field(hash=False)


@frozen
class Grant:
    """A role and its binding, which stand and fall together."""

    account: Object = field(hash=False)
    role: Object = field(hash=False)
    binding: Object = field(hash=False)
    role_key: Key
    binding_key: Key


def grants_of(namespace: Object, needs: Needs) -> Iterator[Grant]:
    """What a ServiceAccount shall have. Nothing that names no object."""
    account = needs.account
    space, name = text(namespace, "metadata", "name"), text(account, "metadata", "name")
    local = _rules({INGRESS_POLICY: needs.policies, IDENTITY: needs.identities, IDENTITY_PROVIDER: needs.providers})
    if local:
        owner = owner_reference(SERVICE_ACCOUNT, account)
        yield _grant(ROLE, ROLE_BINDING, {"name": role_name(name), "namespace": space}, MANAGED, owner, local, account)
    wide = _rules({CLUSTER_IDENTITY_PROVIDER: needs.cluster_providers})
    if wide:
        owner = owner_reference(NAMESPACE, namespace)
        labels = {**MANAGED, NAMESPACE_LABEL: space}
        meta = {"name": cluster_role_name(space, name)}
        yield _grant(CLUSTER_ROLE, CLUSTER_ROLE_BINDING, meta, labels, owner, wide, account)


def _rules(names: Mapping[Resource, frozenset[str]]) -> list[dict[str, list[str]]]:
    return [
        {
            "apiGroups": [GROUP],
            "resources": [resource.plural],
            "resourceNames": sorted(wanted),
            "verbs": ["get", "list", "watch"],
        }
        for resource, wanted in names.items()
        if wanted
    ]


def _grant(
    role: Resource,
    binding: Resource,
    meta: Mapping[str, str],
    labels: Mapping[str, str],
    owner: Mapping[str, str],
    rules: list[dict[str, list[str]]],
    account: Object,
) -> Grant:
    metadata = {**meta, "labels": dict(labels), "ownerReferences": [dict(owner)]}
    subject = {
        "kind": SERVICE_ACCOUNT.kind,
        "name": text(account, "metadata", "name"),
        "namespace": text(account, "metadata", "namespace"),
    }
    role_body = {"apiVersion": role.api_version, "kind": role.kind, "metadata": metadata, "rules": rules}
    binding_body = {
        "apiVersion": binding.api_version,
        "kind": binding.kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC_GROUP, "kind": role.kind, "name": meta["name"]},
        "subjects": [subject],
    }
    return Grant(account, role_body, binding_body, key_of(role, role_body), key_of(binding, binding_body))


def plan_rights(observed: RightsObserved) -> tuple[Action, ...]:
    """What brings the roles and bindings of the namespace to what is needed. What is as it should be is left alone."""
    grants = [grant for needs in observed.needs for grant in grants_of(observed.namespace, needs)]
    wanted = {key for grant in grants for key in (grant.role_key, grant.binding_key)}
    actions: list[Action] = [
        Delete(key, text(document, "metadata", "uid"))
        for key, document in sorted(observed.existing.items(), key=lambda item: item[0])
        if key not in wanted and _ours(document)
    ]
    for grant in grants:
        actions.extend(_bring(grant, observed.existing))
    return tuple(actions)


def _ours(document: Object) -> bool:
    return MANAGED.items() <= mapping(document, "metadata", "labels").items()


def _bring(grant: Grant, existing: Mapping[Key, Object]) -> Iterator[Action]:
    foreign = [key for key in (grant.role_key, grant.binding_key) if key in existing and not _ours(existing[key])]
    if foreign:
        yield _refusal(grant, foreign[0])
        return
    for key, body in ((grant.role_key, grant.role), (grant.binding_key, grant.binding)):
        there = existing.get(key)
        if there is None:
            yield Apply(key, body)
            continue
        if "roleRef" in body and there.get("roleRef") != body["roleRef"]:
            # A binding's roleRef cannot be changed, only made anew.
            yield Delete(key, text(there, "metadata", "uid"))
            yield Apply(key, body)
        elif not _covers(there, body):
            version = {"resourceVersion": text(there, "metadata", "resourceVersion")}
            yield Apply(key, {**body, "metadata": {**body["metadata"], **version}})


def _refusal(grant: Grant, foreign: Key) -> Announce:
    account = key_of(SERVICE_ACCOUNT, grant.account)
    return Announce(
        account,
        text(grant.account, "metadata", "uid"),
        "Warning",
        "ForeignRole",
        f"the proxies of this ServiceAccount get no rights: {foreign} is not of the mesh's making (it lacks the label "
        "app.kubernetes.io/managed-by=aegis); rename or remove it",
        str(foreign),
    )


def _covers(there: Any, wanted: Any) -> bool:
    """Whether `there` says all that `wanted` says; lists are compared whole."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(_covers(there.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(there, list)
            and len(there) == len(wanted)
            and all(_covers(one, other) for one, other in zip(there, wanted, strict=True))
        )
    return bool(there == wanted)

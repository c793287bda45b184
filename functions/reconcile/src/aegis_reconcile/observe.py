"""Reads what the plans need. Every read is fresh."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from attrs import evolve

from aegis_api.identity import Identity
from aegis_api.names import is_subdomain
from aegis_api.provider import (
    AnyProvider,
    ClusterIdentityProvider,
    read_cluster_identity_provider,
    read_identity_provider,
)
from aegis_api.reading import Node, ParseError
from aegis_reconcile.asking import Asker
from aegis_reconcile.cluster import Cluster, Rejected, TryAgain
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    IDENTITY,
    IDENTITY_PROVIDER,
    NAMESPACE,
    POD,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Key,
    Object,
    Resource,
    key_of,
    mapping,
    text,
)
from aegis_reconcile.plan.answers import NOT_ALLOWED, Problem, Usable
from aegis_reconcile.plan.identities import Observed, held_by
from aegis_reconcile.plan.names import INJECTED, MANAGED, NAMESPACE_LABEL, use_of
from aegis_reconcile.plan.rights import Needs, RightsObserved, grants_of
from aegis_reconcile.plan.status import PROVIDER_REACHABLE, READY, condition_of, is_deleting, seen

T = TypeVar("T")


def parsed(read: Callable[[Node], T], document: Object) -> T | ParseError:
    """What the mesh's parser makes of an object of the API server."""
    try:
        return read(Node(document))
    except ParseError as error:
        return error


def read_provider(document: Object) -> AnyProvider | ParseError:
    if text(document, "kind") == IDENTITY_PROVIDER.kind:
        return parsed(read_identity_provider, document)
    return parsed(read_cluster_identity_provider, document)


def provider_document(cluster: Cluster, namespace: str, name: str) -> Object | Problem:
    """The provider that `name` means in `namespace`: the namespace's own, else one of the cluster that selects it."""
    own = cluster.get(Key(IDENTITY_PROVIDER, namespace, name))
    if own is not None:
        return own
    wide = cluster.get(Key(CLUSTER_IDENTITY_PROVIDER, "", name))
    if wide is None:
        return Problem(
            "ProviderNotFound",
            f"there is neither an IdentityProvider {name} in the namespace {namespace} nor a ClusterIdentityProvider "
            f"of that name: make one, or correct spec.provider",
        )
    provider = parsed(read_cluster_identity_provider, wide)
    if isinstance(provider, ClusterIdentityProvider) and not _selects(cluster, provider, namespace):
        return Problem(
            NOT_ALLOWED,
            f"the namespaceSelector of the ClusterIdentityProvider {name} does not select the namespace {namespace}: "
            "label the namespace as it says, or correct spec.provider",
        )
    return wide


def _selects(cluster: Cluster, provider: ClusterIdentityProvider, namespace: str) -> bool:
    selector = provider.namespace_selector
    if selector is None:
        return False
    labels = mapping(cluster.get(Key(NAMESPACE, "", namespace)), "metadata", "labels")
    return selector.matches(labels)


def usable_provider(asker: Asker, document: Object | Problem) -> Usable | Problem:
    """The provider with its plugin and settings, or what stands in the way."""
    if isinstance(document, Problem):
        return document
    provider = read_provider(document)
    if isinstance(provider, ParseError):
        return Problem("ProviderInvalid", f"{provider_key(document).reference}: {provider}")
    return asker.prepare(provider)


def provider_key(document: Object) -> Key:
    own = text(document, "kind") == IDENTITY_PROVIDER.kind
    return key_of(IDENTITY_PROVIDER if own else CLUSTER_IDENTITY_PROVIDER, document)


def _ready_provider(asker: Asker, document: Object | Problem) -> Usable | Problem:
    """As `usable_provider`; and its own status says that it is ready."""
    if isinstance(document, Problem):
        return document
    name, ready = provider_key(document).reference, condition_of(document, READY)
    usable = usable_provider(asker, document)
    if isinstance(usable, Problem):
        return evolve(usable, message=f"{name}: {usable.message.removeprefix(f'{name}: ')}")
    if is_deleting(document):
        return Problem(
            "ProviderDeleting",
            f"{name} is being deleted, and goes when no Identity has anything there: use another one",
        )
    if ready is None or not seen(document):
        return Problem("ProviderPending", f"{name} has not been looked at yet; this is done in a moment")
    if ready.status is not True:
        reachable = condition_of(document, PROVIDER_REACHABLE)
        return Problem(
            "ProviderNotReady",
            f"{name} is not ready: {ready.reason}: {ready.message}",
            reachable=reachable.status if reachable else None,
        )
    return usable


def observe_provider(cluster: Cluster, asker: Asker, identity: Identity) -> Usable | Problem:
    """The provider that the Identity names, if it is ready."""
    return _ready_provider(asker, provider_document(cluster, identity.metadata.namespace, identity.provider))


def observe_identity(cluster: Cluster, asker: Asker, document: Object, identity: Identity, thorough: bool) -> Observed:
    """All that the plan of one Identity depends on."""
    space = identity.metadata.namespace
    named = provider_document(cluster, space, identity.provider)
    provider = _ready_provider(asker, named)
    marks = held_by(document)
    return Observed(
        document=document,
        identity=identity,
        provider=provider,
        holders={mark: _holder(cluster, asker, space, mark, named) for mark in marks},
        unsuitable=asker.unsuitable(provider, identity) if isinstance(provider, Usable) else None,
        account=cluster.get(Key(SERVICE_ACCOUNT, space, identity.service_account)),
        cluster=_cluster_id(cluster) if _makes(provider) or marks else "",
        thorough=thorough,
    )


def _makes(provider: Usable | Problem) -> bool:
    return isinstance(provider, Usable) and provider.makes_objects


def holder_key(namespace: str, mark: str) -> Key | None:
    """The provider that a mark of an Identity names; None where it names none."""
    kind, _, name = mark.partition("/")
    resource = {"IdentityProvider": IDENTITY_PROVIDER, "ClusterIdentityProvider": CLUSTER_IDENTITY_PROVIDER}.get(kind)
    if resource is None or not is_subdomain(name):
        return None
    return Key(resource, namespace if resource.namespaced else "", name)


def _holder(cluster: Cluster, asker: Asker, namespace: str, mark: str, named: Object | Problem) -> Usable | Problem:
    """The provider that the mark names, whether or not it still selects the namespace: what it holds must go."""
    key = holder_key(namespace, mark)
    if key is None:
        return usable_provider(asker, named)
    gone = Problem("ProviderNotFound", f"there is no {key.reference} any more")
    return usable_provider(asker, cluster.get(key) or gone)


def users_of(cluster: Cluster, resource: Resource, document: Object) -> list[str]:
    """The Identities, as namespace/name or name, that may have something at the provider `document`."""
    key = key_of(resource, document)
    return [
        f"{space}/{name}" if not key.namespace else name
        for identity in cluster.list(IDENTITY, key.namespace)
        for space, name in [(text(identity, "metadata", "namespace"), text(identity, "metadata", "name"))]
        if key in [holder_key(space, mark) for mark in held_by(identity)]
    ]


def _cluster_id(cluster: Cluster) -> str:
    """The uid of the namespace kube-system: by convention, the identity of a cluster."""
    found = text(cluster.get(Key(NAMESPACE, "", "kube-system")), "metadata", "uid")
    if not found:
        raise TryAgain("the namespace kube-system, whose uid marks what this cluster makes at providers, is not there")
    return found


def refused_account(observed: Observed, error: Rejected) -> Observed:
    name = observed.identity.service_account
    return evolve(observed, account=Problem("ServiceAccountRefused", f"no ServiceAccount {name}: {error}"))


def observe_rights(cluster: Cluster, namespace: str) -> RightsObserved | None:
    """What the proxies of a namespace need and have; None where it is gone or going, and takes all along."""
    space = cluster.get(Key(NAMESPACE, "", namespace))
    if space is None or is_deleting(space):
        return None
    needs = tuple(_needs(cluster, namespace))
    existing = dict(_ours(cluster, namespace))
    for key in {
        key for need in needs for grant in grants_of(space, need) for key in (grant.role_key, grant.binding_key)
    }:
        if key not in existing and (other := cluster.get(key)) is not None:
            existing[key] = other
    return RightsObserved(space, needs, existing)


def _ours(cluster: Cluster, namespace: str) -> Iterable[tuple[Key, Object]]:
    wide = {**MANAGED, NAMESPACE_LABEL: namespace}
    for resource in (ROLE, ROLE_BINDING):
        for document in cluster.list(resource, namespace, MANAGED):
            yield key_of(resource, document), document
    for resource in (CLUSTER_ROLE, CLUSTER_ROLE_BINDING):
        for document in cluster.list(resource, "", wide):
            yield key_of(resource, document), document


def _needs(cluster: Cluster, namespace: str) -> Iterable[Needs]:
    uses = [use for pod in cluster.list(POD, namespace, INJECTED) if (use := use_of(pod)) is not None]
    for account in sorted({use.account for use in uses}):
        document = cluster.get(Key(SERVICE_ACCOUNT, namespace, account))
        if document is None:
            continue
        mine = [use for use in uses if use.account == account]
        identities = frozenset(use.identity for use in mine if use.identity)
        providers = {name for use in mine for name in use.providers}
        for name in identities:
            provider = text(cluster.get(Key(IDENTITY, namespace, name)), "spec", "provider")
            if is_subdomain(provider):
                providers.add(provider)
        yield Needs(
            account=document,
            policies=frozenset(name for use in mine for name in use.policies),
            identities=identities,
            providers=frozenset(providers),
            cluster_providers=frozenset(name for name in providers if _is_wide(cluster, namespace, name)),
        )


def _is_wide(cluster: Cluster, namespace: str, name: str) -> bool:
    """Whether `name` means a ClusterIdentityProvider that this namespace may use."""
    document = provider_document(cluster, namespace, name)
    return not isinstance(document, Problem) and isinstance(read_provider(document), ClusterIdentityProvider)


def meshed_namespaces(cluster: Cluster) -> list[str]:
    """The namespaces that have injected pods, or rights of pods that there may have been."""
    pods = cluster.list(POD, "", INJECTED)
    local = [item for resource in (ROLE, ROLE_BINDING) for item in cluster.list(resource, "", MANAGED)]
    wide = [item for resource in (CLUSTER_ROLE, CLUSTER_ROLE_BINDING) for item in cluster.list(resource, "", MANAGED)]
    found = {text(item, "metadata", "namespace") for item in (*pods, *local)}
    return sorted((found | {text(item, "metadata", "labels", NAMESPACE_LABEL) for item in wide}) - {""})

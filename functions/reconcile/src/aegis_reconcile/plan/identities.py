"""Identity: the next step from what was observed to an identity that works, or to its clean end.

What a plugin makes at a provider outlives its Identity, so a mark comes first: a finalizer, and an annotation that
names the provider, in one write. Whatever happens between that write and the last one, the next run finds the mark,
asks the same provider and goes on. The mark goes only when the provider says that nothing is left.
"""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from aegis_api.annotations import PREFIX
from aegis_api.identity import Identity
from aegis_idp.values import Owner, Provisioned, ProvisionRequest
from aegis_reconcile.objects import (
    IDENTITY,
    SERVICE_ACCOUNT,
    Key,
    Object,
    items,
    key_of,
    mapping,
    owner_reference,
    text,
)
from aegis_reconcile.plan.actions import Action, Apply, Create, MergeMetadata
from aegis_reconcile.plan.answers import Problem, Removed, Usable
from aegis_reconcile.plan.identity_status import plan_identity_status
from aegis_reconcile.plan.names import MANAGED
from aegis_reconcile.plan.status import settled

FINALIZER = PREFIX + "provider"
HOLDER = PREFIX + "provisioned-by"
DELETION_POLICY = PREFIX + "deletion-policy"
ORPHAN = "Orphan"


@frozen
class Observed:
    """All that the next step depends on.

    `provider` is the one that the spec names. `holder` is the one that the mark names, if there is a mark.
    `unsuitable` says why the provider cannot serve this identity. `account` is the ServiceAccount, or why it cannot be
    had. `cluster` is the cluster's id. `made` and `removed` are the provider's answers in this run.
    `thorough`: ask the provider even where the status is settled.
    """

    document: Object = field(hash=False)
    identity: Identity
    provider: Usable | Problem
    holder: Usable | Problem | None
    unsuitable: Problem | None
    account: Object | Problem | None = field(hash=False)
    cluster: str
    thorough: bool
    made: Provisioned | Problem | None = None
    removed: Removed | Problem | None = None


@frozen
class Do:
    """An action, then look again."""

    action: MergeMetadata | Create | Apply


@frozen
class Provision:
    usable: Usable
    request: ProvisionRequest


@frozen
class Deprovision:
    usable: Usable
    request: ProvisionRequest


@frozen
class Finish:
    """The last actions. `problem` is what is left to be tried again, if anything."""

    actions: tuple[Action, ...]
    problem: Problem | None


Step = Do | Provision | Deprovision | Finish


def held_by(document: Object) -> str | None:
    """The provider, as `Kind/name`, at which something may exist for this Identity; None if nothing does.

    Empty for a mark without a name, which is of somebody else's making: then the spec's provider holds it.
    """
    if FINALIZER not in items(document, "metadata", "finalizers"):
        return None
    return text(document, "metadata", "annotations", HOLDER)


def next_step(observed: Observed, now: str) -> Step:
    """Total. Each step changes what is observed, so that a few of them end in Finish."""
    deleting = text(observed.document, "metadata", "deletionTimestamp") != ""
    holder = observed.holder
    if holder is None:
        return Finish((), None) if deleting else _establish(observed, now)
    return _let_go(observed, holder, now) if deleting or _moved(observed) else _establish(observed, now)


def _moved(observed: Observed) -> bool:
    """Whether what was made is at another provider than the one to use now, or the latter keeps nothing."""
    provider = observed.provider
    if not isinstance(provider, Usable):
        return False
    return not provider.makes_objects or held_by(observed.document) not in ("", provider.reference)


def _let_go(observed: Observed, holder: Usable | Problem, now: str) -> Step:
    orphan = text(observed.document, "metadata", "annotations", DELETION_POLICY) == ORPHAN
    if orphan or isinstance(observed.removed, Removed):
        return Do(_mark(observed.document, None))
    if isinstance(observed.removed, Problem):
        return _finish(observed, now, _waiting(observed, observed.removed))
    if isinstance(holder, Problem):
        return _finish(observed, now, _waiting(observed, holder))
    return Deprovision(holder, _request(observed, holder))


def _waiting(observed: Observed, cause: Problem) -> Problem:
    since = text(observed.document, "metadata", "deletionTimestamp")
    what = f"to be deleted since {since}, it waits for" if since else "before it uses its new provider, it waits for"
    holder = held_by(observed.document) or "its provider"
    return Problem(
        "WaitingForProvider",
        f"{what} {holder} to remove what it holds for this identity ({cause.reason}: {cause.message}); "
        f"to leave it there, annotate the Identity with {DELETION_POLICY}={ORPHAN}",
        cause.again,
        cause.retry_after,
        cause.reachable,
    )


def _establish(observed: Observed, now: str) -> Step:
    document, provider, account = observed.document, observed.provider, observed.account
    if isinstance(provider, Problem):
        return _finish(observed, now, provider)
    if observed.unsuitable is not None:
        return _finish(observed, now, observed.unsuitable)
    if isinstance(account, Problem):
        return _finish(observed, now, account)
    if account is None or _lacks_owner(account, document):
        return Do(_account(observed, account))
    if not provider.makes_objects:
        return _finish(observed, now, None)
    if observed.holder is None:
        return Do(_mark(document, provider.reference))
    if observed.made is None and (observed.thorough or not settled(document)):
        return Provision(provider, _request(observed, provider))
    return _finish(observed, now, observed.made if isinstance(observed.made, Problem) else None)


def _finish(observed: Observed, now: str, problem: Problem | None) -> Finish:
    usable = observed.provider if isinstance(observed.provider, Usable) else None
    metadata, provider_uid = _metadata(observed.document), text(observed.document, "status", "providerUid")
    if isinstance(observed.made, Provisioned) and usable is not None:
        metadata, provider_uid = observed.made.metadata, usable.provider.metadata.uid
    actions = plan_identity_status(
        observed.document,
        observed.identity,
        usable,
        observed.holder is not None,
        metadata,
        provider_uid,
        problem,
        now,
        observed.thorough,
    )
    return Finish(actions, problem if problem is not None and problem.again else None)


def _metadata(document: Object) -> Mapping[str, str]:
    """What the plugin gave back at the last run."""
    return {key: value for key, value in mapping(document, "status", "metadata").items() if isinstance(value, str)}


def _request(observed: Observed, usable: Usable) -> ProvisionRequest:
    spec = usable.provider.spec
    return ProvisionRequest(
        subject=observed.identity.subject,
        owner=Owner(observed.cluster, observed.identity.metadata.uid),
        audience=spec.audience,
        audience_per_destination=spec.audience_per_destination,
        hosts=observed.identity.hosts,
        metadata=_metadata(observed.document),
    )


def _mark(document: Object, holder: str | None) -> MergeMetadata:
    """Sets or takes the mark. A merge patch, because an apply makes an object that has gone in the meantime."""
    others = [name for name in items(document, "metadata", "finalizers") if name != FINALIZER]
    return MergeMetadata(
        key_of(IDENTITY, document),
        {
            "resourceVersion": text(document, "metadata", "resourceVersion"),
            "finalizers": [*others, FINALIZER] if holder else others,
            "annotations": {HOLDER: holder},
        },
    )


def _lacks_owner(account: Object, document: Object) -> bool:
    """Whether the ServiceAccount is of our making, for other Identities only: the last of them would take it along."""
    labels = mapping(account, "metadata", "labels")
    if not MANAGED.items() <= labels.items():
        return False
    owners = items(account, "metadata", "ownerReferences")
    return text(document, "metadata", "uid") not in [text(owner, "uid") for owner in owners]


def _account(observed: Observed, account: Object | None) -> Create | Apply:
    key = Key(SERVICE_ACCOUNT, observed.identity.metadata.namespace, observed.identity.service_account)
    owner = owner_reference(IDENTITY, observed.document)
    metadata: dict[str, Any] = {"name": key.name, "namespace": key.namespace, "labels": dict(MANAGED)}
    body = {"apiVersion": SERVICE_ACCOUNT.api_version, "kind": SERVICE_ACCOUNT.kind, "metadata": metadata}
    if account is None:
        metadata["ownerReferences"] = [owner]
        return Create(key, body)
    metadata["ownerReferences"] = [*items(account, "metadata", "ownerReferences"), owner]
    metadata["resourceVersion"] = text(account, "metadata", "resourceVersion")
    return Apply(key, body)

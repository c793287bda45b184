"""Identity: the next step from what was observed to an identity that works, or to its clean end.

What a plugin makes at a provider outlives its Identity, so a mark comes first: a finalizer, and an annotation that
names the provider, in one write. Whatever happens between that write and the last one, the next run finds the mark,
asks the same provider and goes on. The mark goes only when the provider says that nothing is left.

An Identity that moves bears the marks of both providers: it is made at the new one before it is removed at the old one.
"""

from collections.abc import Collection, Mapping
from typing import Any

from attrs import evolve, field, frozen

from aegis_api.annotations import PREFIX
from aegis_api.identity import Identity
from aegis_idp.values import Owner, Provisioned, ProvisionRequest
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
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
from aegis_reconcile.plan.answers import NOT_ALLOWED, Problem, Removed, Usable
from aegis_reconcile.plan.identity_status import WAITING, Kept, kept_of, plan_identity_status, plan_unreadable_identity
from aegis_reconcile.plan.names import MANAGED
from aegis_reconcile.plan.status import is_deleting, settled

FINALIZER = PREFIX + "provider"
HOLDER = PREFIX + "provisioned-by"
DELETION_POLICY = PREFIX + "deletion-policy"
ORPHAN = "Orphan"


@frozen
class Observed:
    """All that the next step depends on.

    `provider` is the one that the spec names. `holders` are the providers that the mark names, by reference.
    `unsuitable` says why the provider cannot serve this identity. `account` is the ServiceAccount, or why it cannot be
    had. `cluster` is the cluster's id. `made` and `removed` (by reference) are the providers' answers in this run, and
    `untouched` the marks of this run behind which nothing can be yet. `thorough`: ask the provider even where the
    status is settled.
    """

    document: Object = field(hash=False)
    identity: Identity
    provider: Usable | Problem
    holders: Mapping[str, Usable | Problem] = field(hash=False)
    unsuitable: Problem | None
    account: Object | Problem | None = field(hash=False)
    cluster: str
    thorough: bool
    made: Provisioned | Problem | None = None
    removed: Mapping[str, Removed | Problem] = field(factory=dict, hash=False)
    untouched: frozenset[str] = frozenset()


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
    """`holder` is the reference by which the mark knows the provider."""

    holder: str
    usable: Usable
    request: ProvisionRequest


@frozen
class Finish:
    """The last actions. `problem` is what is left to be tried again, if anything."""

    actions: tuple[Action, ...]
    problem: Problem | None


Step = Do | Provision | Deprovision | Finish


def held_by(document: Object) -> tuple[str, ...]:
    """The providers, as `Kind/name`, at which something may exist for this Identity.

    Empty is the one of a mark that names none, which is of somebody else's making: then the spec's provider holds.
    """
    if FINALIZER not in items(document, "metadata", "finalizers"):
        return ()
    return tuple(dict.fromkeys(filter(None, text(document, "metadata", "annotations", HOLDER).split(",")))) or ("",)


def with_mark(observed: Observed, document: Object, provider: Usable | Problem) -> Observed:
    """After a change of the mark: the object in its new version, and the provider as it is now.

    A provider that is deleted waits for the marks that it finds. Between our look at it and our mark it may have found
    none.
    """
    before, after = held_by(observed.document), held_by(document)
    holders = {name: observed.holders.get(name, provider) for name in after}
    untouched = frozenset(name for name in after if name in observed.untouched or name not in before)
    return evolve(observed, document=document, provider=provider, holders=holders, untouched=untouched)


def next_step(observed: Observed, now: str) -> Step:
    """Total. Each step changes what is observed, so that a few of them end in Finish."""
    document, provider, account = observed.document, observed.provider, observed.account
    if is_deleting(document):
        return _leave(observed, held_by(document), now) or Finish((), None)
    if isinstance(provider, Problem):
        return _withdraw(observed, provider, now) or _stop(observed, provider, now)
    if observed.unsuitable is not None:
        return _stop(observed, observed.unsuitable, now)
    if isinstance(account, Problem):
        return _stop(observed, account, now)
    if account is None or _lacks_owner(account, document):
        return Do(_account(observed, account))
    makes = provider.makes_objects
    step = _make(observed, provider, now) if makes else None
    if step is not None:
        return step
    old = tuple(name for name in held_by(document) if not (makes and name in ("", provider.reference)))
    return _leave(observed, old, now) or _finish(observed, now, None)


def _stop(observed: Observed, obstacle: Problem, now: str) -> Step:
    """Nothing can be made now. A mark of this run goes again: a provider that is gone could not take it away later."""
    if observed.untouched:
        return Do(_mark(observed.document, _without(observed.document, observed.untouched)))
    return _finish(observed, now, obstacle)


def _withdraw(observed: Observed, obstacle: Problem, now: str) -> Step | None:
    """A provider that no longer serves the namespace keeps nothing for it: pods, meshed or not, could go on there."""
    name = _wide(observed)
    return (
        _leave(observed, (name,), now, obstacle) if is_withdrawn(observed) and name not in observed.untouched else None
    )


def is_withdrawn(observed: Observed) -> bool:
    """Whether something may exist at a provider of the cluster that no longer selects the namespace."""
    provider = observed.provider
    refused = isinstance(provider, Problem) and provider.reason == NOT_ALLOWED
    return refused and _wide(observed) in held_by(observed.document)


def _wide(observed: Observed) -> str:
    return f"{CLUSTER_IDENTITY_PROVIDER.kind}/{observed.identity.provider}"


def _make(observed: Observed, provider: Usable, now: str) -> Step | None:
    """Until the identity is at its provider; None when it is."""
    document, marks, name = observed.document, held_by(observed.document), provider.reference
    if name not in marks and "" not in marks:
        return Do(_mark(document, (*marks, name)))
    if observed.made is None and (observed.thorough or not _is_known(document, provider)):
        return Provision(provider, _request(observed, provider))
    return _finish(observed, now, observed.made) if isinstance(observed.made, Problem) else None


def _is_known(document: Object, provider: Usable) -> bool:
    """Whether the identity was made by the provider's settings as they are now."""
    kept, meta = kept_of(document), provider.provider.metadata
    return settled(document) and (kept.provider_uid, kept.provider_generation) == (meta.uid, meta.generation)


def _leave(observed: Observed, marks: tuple[str, ...], now: str, obstacle: Problem | None = None) -> Step | None:
    """Until nothing is left at these providers; None when nothing is. `obstacle` is why they are left, if it is one."""
    document = observed.document
    orphan = text(document, "metadata", "annotations", DELETION_POLICY) == ORPHAN
    waits: list[Problem] = []
    for name in marks:
        answer = observed.removed.get(name, observed.holders[name])
        if orphan or isinstance(answer, Removed):
            return Do(_mark(document, _without(document, {name})))
        if isinstance(answer, Usable):
            return Deprovision(name, answer, _request(observed, answer))
        waits.append(_waiting(document, name, answer, obstacle))
    return _finish(observed, now, next((wait for wait in waits if wait.again), waits[0])) if waits else None


def _without(document: Object, names: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in held_by(document) if name not in names)


def _waiting(document: Object, holder: str, cause: Problem, obstacle: Problem | None) -> Problem:
    since = text(document, "metadata", "deletionTimestamp")
    what = f"to be deleted since {since}, it waits for" if since else "it has moved to its new provider and waits for"
    if obstacle is not None:
        what = f"{obstacle.message}; it waits for"
    return Problem(
        WAITING if obstacle is None else obstacle.reason,
        f"{what} {holder or 'its provider'} to remove what it holds for this identity ({cause.reason}: "
        f"{cause.message}); to leave it there, annotate the Identity with {DELETION_POLICY}={ORPHAN}",
        cause.again,
        cause.retry_after,
        cause.reachable,
    )


def _finish(observed: Observed, now: str, problem: Problem | None) -> Finish:
    document = observed.document
    usable = observed.provider if isinstance(observed.provider, Usable) else None
    kept = kept_of(document) if held_by(document) else None
    if kept and usable and isinstance(observed.made, Provisioned):
        meta = usable.provider.metadata
        kept = Kept(meta.uid, meta.generation, now, observed.made.metadata)
    actions = plan_identity_status(document, observed.identity, usable, kept, problem, now, observed.thorough)
    return Finish(actions, problem if problem is not None and problem.again else None)


def _request(observed: Observed, usable: Usable) -> ProvisionRequest:
    spec, document = usable.provider.spec, observed.document
    kept = kept_of(document)
    return ProvisionRequest(
        subject=observed.identity.subject,
        owner=Owner(observed.cluster, observed.identity.metadata.uid),
        audience=spec.audience,
        audience_per_destination=spec.audience_per_destination,
        hosts=observed.identity.hosts,
        metadata=kept.metadata if kept.provider_uid in ("", usable.provider.metadata.uid) else {},
    )


def _mark(document: Object, holders: tuple[str, ...]) -> MergeMetadata:
    """Says who holds. A merge patch, because an apply makes an object that has gone in the meantime."""
    others = [name for name in items(document, "metadata", "finalizers") if name != FINALIZER]
    return MergeMetadata(
        key_of(IDENTITY, document),
        {
            "resourceVersion": text(document, "metadata", "resourceVersion"),
            "finalizers": [*others, FINALIZER] if holders else others,
            "annotations": {HOLDER: ",".join(holders) or None},
        },
    )


def plan_unreadable(document: Object, message: str, now: str, refresh: bool) -> tuple[Action, ...]:
    """For an Identity that the parser refuses. It is not known for whom to clean up: only its owner can let it go."""
    orphan = text(document, "metadata", "annotations", DELETION_POLICY) == ORPHAN
    if is_deleting(document) and orphan and held_by(document):
        return (_mark(document, ()),)
    return plan_unreadable_identity(document, message, now, refresh)


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

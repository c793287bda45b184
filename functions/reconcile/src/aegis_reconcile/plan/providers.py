"""IdentityProvider and ClusterIdentityProvider: whether tokens of theirs can be judged, and when they may go.

What identities have at a provider can be removed only with its settings. So a provider whose plugin makes objects has a
finalizer before the first of them is made, and it goes after the last: also when its whole namespace is deleted.
"""

from collections.abc import Sequence

from aegis_api.annotations import PREFIX
from aegis_reconcile.objects import Object, Resource, items, key_of, mapping, text
from aegis_reconcile.plan.actions import Action, MergeMetadata
from aegis_reconcile.plan.answers import Problem, Trusted
from aegis_reconcile.plan.principals import LEAVING, PRINCIPALS
from aegis_reconcile.plan.status import PROVIDER_REACHABLE, READY, condition, is_deleting, seen, write_status

FINALIZER = PREFIX + "identities"
_NAMED_AT_MOST = 5


def plan_guard(resource: Resource, document: Object, makes_objects: bool, users: Sequence[str]) -> MergeMetadata | None:
    """Sets the finalizer, or takes it; None where it is right. `users` are the Identities that have something there."""
    finalizers = items(document, "metadata", "finalizers")
    others = [name for name in finalizers if name != FINALIZER]
    guarded, deleting = FINALIZER in finalizers, is_deleting(document)
    if guarded and deleting and not users:
        wanted = others
    elif makes_objects and not guarded and not deleting:
        wanted = [*others, FINALIZER]
    else:
        return None
    metadata = {"resourceVersion": text(document, "metadata", "resourceVersion"), "finalizers": wanted}
    return MergeMetadata(key_of(resource, document), metadata)


def in_use(document: Object, users: Sequence[str]) -> Problem:
    """Why a provider that was deleted is still there."""
    named = ", ".join(users[:_NAMED_AT_MOST]) + (", ..." if len(users) > _NAMED_AT_MOST else "")
    return Problem(
        "InUse",
        f"to be deleted since {text(document, 'metadata', 'deletionTimestamp')}, it waits for {len(users)} Identities "
        f"that have something there ({named}): delete them, or let them use another provider",
    )


def plan_provider(
    resource: Resource, document: Object, verdict: Trusted | Problem, now: str, refresh: bool
) -> tuple[Action, ...]:
    """The status that tells `verdict`. An issuer once known stays on show while its provider does not answer."""
    if isinstance(verdict, Trusted):
        issuer = verdict.issuer
        conditions = [
            condition(document, READY, True, "Ready", f"tokens of {issuer} can be validated"),
            condition(document, PROVIDER_REACHABLE, True, "Answered", "the provider says whose tokens are good"),
        ]
    else:
        issuer = text(document, "status", "issuer") if verdict.again and seen(document) else ""
        reachable_reason = verdict.reason if verdict.reachable is not None else "NotAsked"
        conditions = [
            condition(document, READY, False, verdict.reason, verdict.message),
            condition(document, PROVIDER_REACHABLE, verdict.reachable, reachable_reason, verdict.message),
        ]
    fields: dict[str, object] = {"issuer": issuer} if issuer else {}
    fields |= {name: kept for name in (PRINCIPALS, LEAVING) if (kept := mapping(document, "status", name))}
    return write_status(key_of(resource, document), document, fields, conditions, now, refresh)

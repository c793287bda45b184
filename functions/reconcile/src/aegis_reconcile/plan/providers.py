"""IdentityProvider and ClusterIdentityProvider: whether tokens of theirs can be judged."""

from aegis_reconcile.objects import Object, Resource, key_of, mapping, text
from aegis_reconcile.plan.actions import Action
from aegis_reconcile.plan.answers import Problem, Trusted
from aegis_reconcile.plan.principals import PRINCIPALS
from aegis_reconcile.plan.status import PROVIDER_REACHABLE, READY, condition, seen, write_status


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
    principals = mapping(document, "status", PRINCIPALS)
    fields: dict[str, object] = {"issuer": issuer} if issuer else {}
    if principals:
        fields[PRINCIPALS] = principals
    return write_status(key_of(resource, document), document, fields, conditions, now, refresh)

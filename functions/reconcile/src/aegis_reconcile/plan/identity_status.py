"""What the status of an Identity says."""

from collections.abc import Mapping

from aegis_api.conditions import Condition
from aegis_api.identity import Identity
from aegis_reconcile.objects import IDENTITY, Object, key_of, mapping, text
from aegis_reconcile.plan.actions import Action
from aegis_reconcile.plan.answers import Problem, Usable
from aegis_reconcile.plan.status import PROVIDER_REACHABLE, PROVISIONED, READY, condition, write_status


def plan_identity_status(
    document: Object,
    identity: Identity,
    usable: Usable | None,
    held: bool,
    metadata: Mapping[str, str],
    provider_uid: str,
    problem: Problem | None,
    now: str,
    refresh: bool,
) -> tuple[Action, ...]:
    """`usable` is the provider in use, `problem` what stands in the way.

    `held`: something may exist at a provider; `metadata` is what its plugin wants back, of the provider `provider_uid`.
    """
    fields: dict[str, object] = {"subject": str(identity.subject)}
    if usable is not None:
        fields["provider"] = usable.provider.spec.type
    if metadata and held:
        fields["metadata"] = dict(metadata)
        if provider_uid:
            fields["providerUid"] = provider_uid
    conditions = _good(document, identity, usable) if problem is None else _bad(document, problem, held)
    return write_status(key_of(IDENTITY, document), document, fields, conditions, now, refresh)


def plan_unreadable_identity(document: Object, message: str, now: str, refresh: bool) -> tuple[Action, ...]:
    """The status of an Identity that the parser refuses. What is known of the provider's side stays."""
    metadata = mapping(document, "status", "metadata")
    provider_uid = text(document, "status", "providerUid")
    fields: dict[str, object] = {"metadata": metadata} if metadata else {}
    if metadata and provider_uid:
        fields["providerUid"] = provider_uid
    conditions = _bad(document, Problem("SpecInvalid", message), bool(metadata))
    return write_status(key_of(IDENTITY, document), document, fields, conditions, now, refresh)


def _good(document: Object, identity: Identity, usable: Usable | None) -> list[Condition]:
    makes = usable is not None and usable.makes_objects
    made = ("Provisioned", "the provider knows this identity") if makes else ("NothingToMake", _NOTHING)
    return [
        condition(document, READY, True, "Ready", f"pods of {identity.subject} get tokens of this provider"),
        condition(document, PROVIDER_REACHABLE, True, "Answered", "the provider answered when it was last asked"),
        condition(document, PROVISIONED, True, *made),
    ]


_NOTHING = "this provider keeps nothing per identity"


def _bad(document: Object, problem: Problem, held: bool) -> list[Condition]:
    # What was made earlier may well be there: that it is missing is known only while nothing was ever made.
    provisioned = None if held else False
    reachable_reason = problem.reason if problem.reachable is not None else "NotAsked"
    return [
        condition(document, READY, False, problem.reason, problem.message),
        condition(document, PROVIDER_REACHABLE, problem.reachable, reachable_reason, problem.message),
        condition(document, PROVISIONED, provisioned, problem.reason, problem.message),
    ]

"""What the status of an Identity says."""

from collections.abc import Mapping

from attrs import field, frozen

from aegis_api.conditions import Condition
from aegis_api.identity import Identity
from aegis_reconcile.objects import IDENTITY, Object, key_of, mapping, part, text
from aegis_reconcile.plan.actions import Action
from aegis_reconcile.plan.answers import Problem, Usable
from aegis_reconcile.plan.status import PROVIDER_REACHABLE, PROVISIONED, READY, condition, is_deleting, write_status

WAITING = "WaitingForProvider"
"""The reason while something is left at a provider that the Identity leaves."""


PROVIDER_UID, PROVIDER_GENERATION, LAST_CHECK = "providerUid", "providerGeneration", "lastCheckTime"


@frozen
class Kept:
    """What the provider of that uid (empty: not known) and generation gave back, and wants to see again.

    `checked` is when it was asked last (RFC 3339; empty: not known).
    """

    provider_uid: str
    provider_generation: int
    checked: str
    metadata: Mapping[str, str] = field(hash=False)

    def to_json(self) -> dict[str, object]:
        fields: dict[str, object] = {
            PROVIDER_UID: self.provider_uid,
            PROVIDER_GENERATION: self.provider_generation,
            LAST_CHECK: self.checked,
            "metadata": dict(self.metadata),
        }
        return {name: value for name, value in fields.items() if value}


def kept_of(document: Object) -> Kept:
    """What the status of an Identity keeps of the last run."""
    generation = part(document, "status", PROVIDER_GENERATION)
    metadata = mapping(document, "status", "metadata")
    return Kept(
        text(document, "status", PROVIDER_UID),
        generation if isinstance(generation, int) else 0,
        text(document, "status", LAST_CHECK),
        {key: value for key, value in metadata.items() if isinstance(value, str)},
    )


def plan_identity_status(
    document: Object,
    identity: Identity,
    usable: Usable | None,
    kept: Kept | None,
    problem: Problem | None,
    now: str,
    refresh: bool,
) -> tuple[Action, ...]:
    """`usable` is the provider in use, `problem` what stands in the way. `kept`: something may exist at a provider."""
    fields: dict[str, object] = {"subject": str(identity.subject)}
    if usable is not None:
        fields["provider"] = usable.provider.spec.type
    if kept is not None:
        fields |= kept.to_json()
    moved = problem is not None and problem.reason == WAITING and not is_deleting(document)
    if problem is None or moved:
        conditions = _good(document, identity, usable, problem)
    else:
        conditions = _bad(document, problem, kept is not None)
    return write_status(key_of(IDENTITY, document), document, fields, conditions, now, refresh)


def plan_unreadable_identity(document: Object, message: str, now: str, refresh: bool) -> tuple[Action, ...]:
    """The status of an Identity that the parser refuses. What is known of the provider's side stays."""
    fields = kept_of(document).to_json()
    conditions = _bad(document, Problem("SpecInvalid", message), bool(fields))
    return write_status(key_of(IDENTITY, document), document, fields, conditions, now, refresh)


def _good(document: Object, identity: Identity, usable: Usable | None, left: Problem | None) -> list[Condition]:
    makes = usable is not None and usable.makes_objects
    made = ("Provisioned", "the provider knows this identity") if makes else ("NothingToMake", _NOTHING)
    if left is not None:
        made = (left.reason, left.message)
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

"""The status of an object: its conditions, and when it is worth a write.

A status write comes back as an event, so a status that says nothing new must not be written.
"""

from collections.abc import Sequence

from attrs import evolve

from aegis_api.conditions import Condition, merge_conditions, read_conditions
from aegis_idp.redaction import scrub
from aegis_reconcile.objects import Key, Object, generation_of, part, text
from aegis_reconcile.plan.actions import Action, Announce, WriteStatus

READY = "Ready"
PROVIDER_REACHABLE = "ProviderReachable"
PROVISIONED = "Provisioned"
ACCEPTED = "Accepted"

# A condition takes 32768 characters; its readers take one screen.
_LONGEST = 1024


def seen(document: Object) -> bool:
    """Whether the status is about the spec as it is now."""
    return bool(part(document, "status", "observedGeneration") == generation_of(document))


def is_deleting(document: Object) -> bool:
    """Whether somebody has deleted it: it is there until its last finalizer goes."""
    return text(document, "metadata", "deletionTimestamp") != ""


def condition_of(document: Object, name: str) -> Condition | None:
    return next((item for item in read_conditions(document.get("status")) if item.type == name), None)


def settled(document: Object) -> bool:
    """Whether the spec as it is now was found good: then only a tick need look again."""
    ready = condition_of(document, READY)
    return seen(document) and ready is not None and ready.status is True


def condition(document: Object, name: str, status: bool | None, reason: str, message: str) -> Condition:
    return Condition(name, status, reason, _cut(message), generation_of(document))


def _cut(message: str) -> str:
    """What fits, without what looks like a token: whoever may read the object reads its status."""
    message = scrub(message)
    return message if len(message) <= _LONGEST else message[: _LONGEST - 3] + "..."


def write_status(
    key: Key, document: Object, fields: Object, conditions: Sequence[Condition], now: str, refresh: bool
) -> tuple[Action, ...]:
    """The write that makes the status say `fields` and `conditions`; nothing if it does already.

    The first condition is the one whose change is announced. Unless `refresh`, a message that alone has changed waits
    for the next tick: some providers put a time or an id into every error, and each write brings the next event.
    """
    before = read_conditions(document.get("status"))
    after = merge_conditions(before, conditions if refresh else _keep_messages(before, conditions), now)
    status = {
        **fields,
        "conditions": [item.to_json() for item in after],
        "observedGeneration": generation_of(document),
    }
    if status == document.get("status"):
        return ()
    write = WriteStatus(key, text(document, "metadata", "resourceVersion"), status)
    return (write, *_announcement(key, document, before, after[0], now))


def _keep_messages(before: Sequence[Condition], after: Sequence[Condition]) -> list[Condition]:
    said = {(item.type, item.status, item.reason, item.observed_generation): item.message for item in before}
    return [
        evolve(item, message=said.get((item.type, item.status, item.reason, item.observed_generation), item.message))
        for item in after
    ]


def _announcement(
    key: Key, document: Object, before: Sequence[Condition], now_is: Condition, now: str
) -> tuple[Announce, ...]:
    was = next((item for item in before if item.type == now_is.type), None)
    if was is not None and (was.status, was.reason) == (now_is.status, now_is.reason):
        return ()
    uid = text(document, "metadata", "uid")
    return (
        Announce(
            key, uid, "Normal" if now_is.status else "Warning", now_is.reason, now_is.message, f"{now_is.type} {now}"
        ),
    )

"""Whose ids at a provider are: the table in the provider's status, which proxies look callers up in.

An Identity counts for the provider that made it, by the uid that its status holds: names and annotations can be changed
by people who must not decide whose token another's is.
"""

from collections.abc import Callable, Iterable, Mapping

from aegis_idp.values import PRINCIPAL
from aegis_reconcile.objects import Object, Resource, key_of, mapping, text
from aegis_reconcile.plan.actions import Action, WriteStatus

PRINCIPALS = "principals"
LEAVING = "leaving"
"""Beside the table in the status: which of its ids are of identities that have moved, and since when."""

# Longer than a proxy waits before it asks its new provider again.
LEAVING_SECONDS = 300.0


def principal_of(identity: Object) -> str:
    """The id by which tokens of this identity are known; empty if they name their subject themselves."""
    return text(identity, "status", "metadata", PRINCIPAL)


def agrees(provider: Object, identity: Object) -> bool:
    """Whether the table of `provider` says of this identity what it should."""
    told = mapping(provider, "status", PRINCIPALS).get(principal_of(identity))
    return bool(told == (text(identity, "status", "subject") if _counts(provider, identity) else None))


def plan_principals(
    resource: Resource, provider: Object, identities: Iterable[Object], now: str, age: Callable[[str], float]
) -> tuple[Action, ...]:
    """The write that makes the table hold exactly the identities of this provider; nothing if it does already.

    One that has moved elsewhere stays for a while, which begins when that is seen first: its proxies send tokens of
    this provider until the new one has given some. One that is deleted goes at once. `age` tells how many seconds ago a
    time was, infinitely many of a text that is none.
    """
    known = tuple(identities)
    told, since = mapping(provider, "status", PRINCIPALS), mapping(provider, "status", LEAVING)
    claimed = {principal_of(identity) for identity in known if _counts(provider, identity)}
    moved = {text(identity, "status", "subject") for identity in known if _is_elsewhere(provider, identity)}
    leaving = {
        principal: text({"since": since.get(principal, now)}, "since")
        for principal, subject in told.items()
        if principal not in claimed and subject in moved
    }
    leaving = {principal: begin for principal, begin in leaving.items() if age(begin) < LEAVING_SECONDS}
    table = {**_table(provider, known), **{principal: told[principal] for principal in leaving}}
    if (table, leaving) == (told, since):
        return ()
    status = {name: value for name, value in mapping(provider, "status").items() if name not in (PRINCIPALS, LEAVING)}
    status |= {name: value for name, value in ((PRINCIPALS, table), (LEAVING, leaving)) if value}
    return (WriteStatus(key_of(resource, provider), text(provider, "metadata", "resourceVersion"), status),)


def _is_elsewhere(provider: Object, identity: Object) -> bool:
    """Whether an identity that is to live on is not of this provider."""
    of_another = text(identity, "status", "providerUid") != text(provider, "metadata", "uid")
    return of_another and not text(identity, "metadata", "deletionTimestamp")


def _table(provider: Object, identities: Iterable[Object]) -> Mapping[str, str]:
    """An id that two subjects claim is nobody's."""
    claimed: dict[str, set[str]] = {}
    for identity in identities:
        if _counts(provider, identity):
            claimed.setdefault(principal_of(identity), set()).add(text(identity, "status", "subject"))
    return {principal: min(subjects) for principal, subjects in sorted(claimed.items()) if len(subjects) == 1}


def _counts(provider: Object, identity: Object) -> bool:
    """A deleted Identity counts no more from the moment on in which its deletion is wanted."""
    uid = text(provider, "metadata", "uid")
    of_provider = uid != "" and text(identity, "status", "providerUid") == uid
    known = principal_of(identity) != "" and text(identity, "status", "subject") != ""
    return of_provider and known and not text(identity, "metadata", "deletionTimestamp")

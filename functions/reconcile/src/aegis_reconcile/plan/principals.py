"""Whose ids at a provider are: the table in the provider's status, which proxies look callers up in.

An Identity counts for the provider that made it, by the uid that its status holds: names and annotations can be changed
by people who must not decide whose token another's is.
"""

from collections.abc import Iterable, Mapping

from aegis_idp.values import PRINCIPAL
from aegis_reconcile.objects import Object, Resource, key_of, mapping, text
from aegis_reconcile.plan.actions import Action, WriteStatus

PRINCIPALS = "principals"


def principal_of(identity: Object) -> str:
    """The id by which tokens of this identity are known; empty if they name their subject themselves."""
    return text(identity, "status", "metadata", PRINCIPAL)


def agrees(provider: Object, identity: Object) -> bool:
    """Whether the table of `provider` says of this identity what it should."""
    told = mapping(provider, "status", PRINCIPALS).get(principal_of(identity))
    return bool(told == (text(identity, "status", "subject") if _counts(provider, identity) else None))


def plan_principals(resource: Resource, provider: Object, identities: Iterable[Object]) -> tuple[Action, ...]:
    """The write that makes the table hold exactly the identities of this provider; nothing if it does already."""
    table = _table(provider, identities)
    if table == mapping(provider, "status", PRINCIPALS):
        return ()
    status = {name: value for name, value in mapping(provider, "status").items() if name != PRINCIPALS}
    if table:
        status[PRINCIPALS] = table
    return (WriteStatus(key_of(resource, provider), text(provider, "metadata", "resourceVersion"), status),)


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

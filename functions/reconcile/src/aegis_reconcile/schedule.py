"""Which Identities a tick looks at closely, and in which order.

What is not as it should be is looked at in each tick. What is as it should be may still have drifted at its provider,
which only the provider can tell, and a thousand such questions a minute are a burden to it. So each Identity is asked
about once in a PERIOD, at a moment of it that follows from its uid, which spreads the load evenly. When it was asked
about last stands in its status: a tick that was lost, or that ran out of time, is made up for by those that follow.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime

from aegis_reconcile.objects import Object, text
from aegis_reconcile.plan.identities import held_by
from aegis_reconcile.plan.identity_status import LAST_CHECK
from aegis_reconcile.plan.status import seen, settled

PERIOD = 600
"""Seconds between two questions to a provider about an Identity that is as it should be."""


def is_due(identity: Object, now: str) -> bool:
    """Whether its provider is to be asked at `now` (RFC 3339)."""
    if not settled(identity):
        return True
    if not held_by(identity):
        return False
    try:
        last, moment = (
            datetime.fromisoformat(time).timestamp() for time in (text(identity, "status", LAST_CHECK), now)
        )
    except ValueError:
        return True
    offset = _number(text(identity, "metadata", "uid")) % PERIOD
    # A time to come is that of another clock.
    return last > moment or (last - offset) // PERIOD < (moment - offset) // PERIOD


def urgency(now: str) -> Callable[[Object], tuple[int, str]]:
    """Sorts Identities: those that nobody has looked at, then those in trouble, then those not asked about for longest.

    Those in trouble come in another order each time, so that a tick without time for all of them passes over none
    again and again.
    """

    def key(identity: Object) -> tuple[int, str]:
        uid = text(identity, "metadata", "uid")
        if not seen(identity):
            return 0, uid
        if not settled(identity):
            return 1, str(_number(f"{now} {uid}"))
        return 2, text(identity, "status", LAST_CHECK)

    return key


def _number(value: str) -> int:
    return int.from_bytes(hashlib.sha256(value.encode()).digest()[:8], "big")

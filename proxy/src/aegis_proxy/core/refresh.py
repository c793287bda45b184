"""When to fetch again: key sets, and tokens before they expire. Times are in seconds."""

import re

# Between these, a key set's own Cache-Control (RFC 9111 section 5.2.2.1) is heeded.
_SHORTEST_PERIOD, _USUAL_PERIOD, _LONGEST_PERIOD = 60.0, 300.0, 3600.0
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?([0-9]{1,9})", re.IGNORECASE)

# A token this near to its end is not sent any more: the request has a way to go.
LAST_SECONDS = 10.0
_REFRESH_AT = 0.8
_EARLIEST, _LATEST = 5.0, 60.0


def spread(seconds: float, roll: float) -> float:
    """`seconds`, a tenth less to a tenth more, so that many proxies do not ask at once. `roll` is from 0 up to 1."""
    return seconds * (0.9 + 0.2 * roll)


def key_set_period(cache_control: str) -> float:
    """How long a key set is good, by the Cache-Control field that came with it."""
    if re.search(r"no-store|no-cache", cache_control, re.IGNORECASE):
        return _SHORTEST_PERIOD
    found = _MAX_AGE.search(cache_control)
    return min(max(float(found[1]), _SHORTEST_PERIOD), _LONGEST_PERIOD) if found else _USUAL_PERIOD


def token_refresh_delay(issued: float, expires: float, now: float, roll: float) -> float:
    """How long from `now` to fetch the next token: at 80 % of the life of this one, a tenth less or more.

    A token that comes in older than that (the kubelet has not renewed it yet) is asked for again soon.
    """
    due = spread(_REFRESH_AT * (expires - issued), roll) + issued - now
    return due if due >= _EARLIEST else min(max((expires - now) / 5, _EARLIEST), _LATEST)


class RefetchGate:
    """Decides whether a token with an unknown `kid` is worth a fetch of the issuer's keys.

    One fetch per `floor` seconds, the first at once; a kid that a fetch did not bring is not asked for again for
    `patience` seconds. At most `most` such kids are remembered, the oldest go first.
    """

    def __init__(self, floor: float = 10.0, patience: float = 60.0, most: int = 1024) -> None:
        self._floor = floor
        self._patience = patience
        self._most = most
        self._last: float | None = None
        self._unknown: dict[str, float] = {}

    def admits(self, kid: str, now: float) -> bool:
        """Whether to fetch now; if so, this fetch is counted."""
        asked = self._unknown.get(kid)
        if asked is not None and 0 <= now - asked < self._patience:
            return False
        if self._last is not None and 0 <= now - self._last < self._floor:
            return False
        self._last = now
        return True

    def not_found(self, kid: str, now: float) -> None:
        """A fetch did not bring this kid."""
        self._unknown.pop(kid, None)
        self._unknown[kid] = now
        if len(self._unknown) > self._most:
            del self._unknown[next(iter(self._unknown))]

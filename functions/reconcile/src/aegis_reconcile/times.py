"""Times as they stand in a status: RFC 3339 text."""

import math
from datetime import datetime


def age(now: str, then: str) -> float:
    """How many seconds before `now` the time `then` was; infinitely many if `then` is no such time."""
    try:
        return (datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds()
    except (ValueError, TypeError):
        return math.inf

"""Waiting for something to become true, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.05


def eventually(attempt: Callable[[], T], seconds: float = 30.0) -> T:
    """Repeat `attempt` until it returns something true, and return that.

    An AssertionError counts as not yet; after `seconds` the last one is raised, or one that shows the last result.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            result = attempt()
            if result:
                return result
            failure = AssertionError(f"not true within {seconds:.0f} s; last result: {result!r}")
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure
        time.sleep(POLL_SECONDS)

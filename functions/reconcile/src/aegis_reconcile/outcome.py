"""What a piece of work leaves to be done."""

from collections.abc import Iterable

from attrs import evolve, frozen

from aegis_reconcile.plan.answers import Problem


@frozen
class Later:
    """Something is left to be tried again, after `retry_after` seconds if somebody said so. `why` is for the log."""

    why: str
    retry_after: float | None = None


Left = Later | Problem | None
"""Trouble with the API server, a provider that did not answer, or nothing."""


def first(left: Iterable[Left]) -> Later | None:
    """One word for all that is left, with the longest of the waits asked for."""
    trouble = [Later(item.message, item.retry_after) if isinstance(item, Problem) else item for item in left]
    real = [item for item in trouble if item is not None]
    if not real:
        return None
    return evolve(real[0], retry_after=max(item.retry_after or 0 for item in real) or None)

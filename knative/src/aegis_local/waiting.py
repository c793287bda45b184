"""Waiting for something to become true, up to a deadline."""

from collections.abc import Awaitable, Callable

from twisted.internet.interfaces import IReactorTime

from aegis_local.tasks import sleep

_POLL_SECONDS = 0.05


class TooLate(Exception):  # says what happened
    """What was waited for did not come in time."""


async def until(clock: IReactorTime, holds: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    """Wait until `holds` gives True. Raises TooLate, which says `what` was waited for."""
    deadline = clock.seconds() + seconds
    while not await holds():
        if clock.seconds() > deadline:
            raise TooLate(f"waited {seconds:.0f} s in vain for {what}")
        await sleep(clock, _POLL_SECONDS)

"""Reaching a destination that has several addresses: one after the other, each with its share of the time.

RFC 8305 in its simplest form: no two attempts at once, but an address that has just failed comes last.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred

from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused

Address = tuple[str, int]
T = TypeVar("T")

# For how many seconds an address comes last, and of how many we know that.
_AVOIDED = 10.0
_REMEMBERED = 1024


class Reach:
    """`patience` is the time for all addresses of a destination, in seconds on `clock`, which is monotonic."""

    def __init__(self, clock: Callable[[], float], patience: float) -> None:
        self._clock = clock
        self._patience = patience
        self._failed: dict[Address, float] = {}

    def first(
        self, addresses: Sequence[Address], attempt: "Callable[[Address, float], T | Deferred[T]]"
    ) -> "T | Deferred[T]":
        """What `attempt` gives for the first address that is not unreachable; it is told how many seconds it has.

        Raises, or fails with, Refused.
        """
        if len(addresses) == 1:
            return attempt(addresses[0], self._patience)
        return Deferred.fromCoroutine(self._in_turn(addresses, attempt))

    async def _in_turn(self, addresses: Sequence[Address], attempt: "Callable[[Address, float], T | Deferred[T]]") -> T:
        end, why = self._clock() + self._patience, []
        for number, address in enumerate(sorted(addresses, key=self._has_failed)):
            try:
                result = attempt(address, (end - self._clock()) / (len(addresses) - number))
                found = await result if isinstance(result, Deferred) else result
            except Refused as refused:
                if refused.refusal is not UPSTREAM_UNREACHABLE:
                    raise
                why.append(refused.detail)
                self._note(address)
            else:
                self._failed.pop(address, None)
                return found
        raise Refused(UPSTREAM_UNREACHABLE, ", ".join(why))

    def _has_failed(self, address: Address) -> bool:
        return self._clock() - self._failed.get(address, -_AVOIDED) < _AVOIDED

    def _note(self, address: Address) -> None:
        self._failed.pop(address, None)
        self._failed[address] = self._clock()
        if len(self._failed) > _REMEMBERED:
            del self._failed[next(iter(self._failed))]

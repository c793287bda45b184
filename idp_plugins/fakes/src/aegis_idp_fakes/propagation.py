"""Eventual consistency, without waiting: what was just made is not there yet for the next so many requests."""

from attrs import define


@define
class Propagation:
    """`delay` is for how many requests an object stays unseen; a test sets it at any time."""

    delay: int = 0
    _now: int = 0

    def step(self) -> None:
        """One request more has come."""
        self._now += 1

    def birth(self) -> int:
        """The mark of an object that is made now."""
        return self._now + self.delay

    def reached(self, birth: int) -> bool:
        """Whether the object with this mark is there for the request that is being answered."""
        return self._now > birth or self.delay == 0

"""The slowest that a body may come."""


class Pace:
    """`rate` is in bytes per second, counted after a grace; times are seconds of one clock.

    While the client is kept from sending, time does not count.
    """

    def __init__(self, began: float, grace: float, rate: float) -> None:
        self._until = began + grace
        self._rate = rate
        self._paused: float | None = None

    def moved(self, size: int) -> None:
        """So many bytes came."""
        self._until += size / self._rate

    def pause(self, now: float) -> None:
        self._paused = now

    def resume(self, now: float) -> None:
        if self._paused is not None:
            self._until += now - self._paused
            self._paused = None

    @property
    def deadline(self) -> float:
        """When too little will have come."""
        return self._until if self._paused is None else float("inf")

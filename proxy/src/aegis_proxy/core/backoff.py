"""How long to wait after failures in a row."""

from attrs import frozen


@frozen
class Backoff:
    """Doubles from `first` to `most` seconds, and adds up to `jitter` times that, so that many do not come at once."""

    first: float
    most: float
    jitter: float = 1.0

    def delay(self, failures: int, roll: float) -> float:
        """Seconds to wait after `failures` (1 or more) in a row; `roll` is random, from 0 up to 1."""
        base = min(self.most, self.first * 2.0 ** min(failures - 1, 32))
        return base * (1 + self.jitter * roll)

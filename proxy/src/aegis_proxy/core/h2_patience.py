"""How much work for nothing a peer may cause: resets, pings, settings, empty frames.

Each such frame costs, and each useful one (a body's bytes, a stream that ends as it should) earns. So a busy peer that
also cancels is never taken for one that does nothing else (CVE-2023-44487, CVE-2024-27316, CVE-2025-8671).
"""

from typing import Final

from aegis_proxy.core.h2_errors import ConnectionFault
from aegis_proxy.core.h2_frames import ENHANCE_YOUR_CALM

RESET: Final = 5.0
FRAME: Final = 1.0

_FULL = 1000.0
_PER_SECOND = 200.0


class Patience:
    """`now` is in seconds of any clock that does not go back."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left = _FULL
        self._at = 0.0

    def wait(self, now: float) -> None:
        """Time passes, and patience comes back."""
        self._left = min(_FULL, self._left + (now - self._at) * _PER_SECOND)
        self._at = now

    def spend(self, cost: float) -> None:
        """Raises ConnectionFault(ENHANCE_YOUR_CALM) when there is none left."""
        self._left -= cost
        if self._left < 0:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "too many resets, pings, settings or empty frames")

    def earn(self, gain: float) -> None:
        self._left = min(_FULL, self._left + gain)

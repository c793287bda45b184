"""Tokens that have been verified, by their exact bytes."""

from collections import OrderedDict
from collections.abc import Mapping

from aegis_proxy.core.snapshot import Authority
from aegis_proxy.core.tokens import Verified

MAX_ENTRIES = 32_000
MAX_BYTES = 40 * 1024 * 1024
# Measured: 270 bytes beside the token itself, and up to 300 more for a subject of its own.
_ENTRY_BYTES = 570


class TokenCache:
    """Verified tokens of one `authorities` mapping; the oldest go first.

    A hit says what `tokens.verify` would say of the same token at the same time. Any other mapping (compared by
    identity: keys or settings may have changed) empties the cache. Refused tokens are not kept: strangers can make as
    many as they like.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._authorities: Mapping[str, Authority] | None = None
        self._entries: OrderedDict[bytes, Verified] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes_held(self) -> int:
        """About how much memory the entries take."""
        return self._bytes

    def get(self, token: bytes, authorities: Mapping[str, Authority], now: float) -> Verified | None:
        """The caller, if this token was verified with these `authorities` and is good at `now` (wall clock seconds)."""
        if authorities is not self._authorities:
            return None
        verified = self._entries.get(token)
        if verified is None or verified.not_before <= now < verified.expires_at:
            return verified
        self._remove(token)
        return None

    def put(self, token: bytes, verified: Verified, authorities: Mapping[str, Authority]) -> None:
        """Keeps what `tokens.verify(token, authorities, ...)` returned."""
        if authorities is not self._authorities:
            self._authorities = authorities
            self._entries.clear()
            self._bytes = 0
        if token not in self._entries:
            self._bytes += _size(token)
        self._entries[token] = verified
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            oldest, _ = self._entries.popitem(last=False)
            self._bytes -= _size(oldest)

    def _remove(self, token: bytes) -> None:
        del self._entries[token]
        self._bytes -= _size(token)


def _size(token: bytes) -> int:
    return len(token) + _ENTRY_BYTES

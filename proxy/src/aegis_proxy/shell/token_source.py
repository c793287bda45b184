"""Tokens for the way out: cached, refreshed before they expire, fetched once for all who wait."""

from twisted.internet.defer import Deferred


class TokenUnavailable(Exception):  # noqa: N818  # named by what happened, as its catcher asks
    """No token can be had now. Its text is for the log; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TokenSource:
    """The tokens of this pod's identity, by audience."""

    def cached(self, audience: str) -> bytes | None:
        """The token for `audience` if one is at hand that is still good for 10 s."""
        raise NotImplementedError

    def fetch(self, audience: str) -> "Deferred[bytes]":
        """A token for `audience`, or TokenUnavailable. All who ask meanwhile share one call."""
        raise NotImplementedError

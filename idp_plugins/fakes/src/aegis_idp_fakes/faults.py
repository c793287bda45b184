"""Trouble that a test asks for: the next answers of a server are no answers."""

import time
from collections import deque

from attrs import field, frozen

from aegis_idp.conformance.loopback import Answer, HangUp, Received


@frozen
class Fault:
    """What comes instead of an answer to a request whose path holds `path`.

    Status 0: the connection just ends. Status 200: the real answer follows, after `seconds`.
    """

    status: int = 503
    path: str = ""
    retry_after: int | None = None
    seconds: float = 0.0

    def answer(self) -> Answer | None:
        time.sleep(self.seconds)
        if self.status == 200:
            return None
        if self.status == 0:
            raise HangUp
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return Answer(self.status, b"", headers)


@frozen
class Faults:
    """The faults that are still to come, each for one request."""

    _queue: deque[Fault] = field(factory=deque, init=False)

    def throttle(self, times: int = 1, retry_after: int = 7, path: str = "") -> None:
        """429 with Retry-After (RFC 6585 section 4)."""
        self._queue.extend([Fault(429, path, retry_after)] * times)

    def fail(self, times: int = 1, status: int = 503, path: str = "") -> None:
        self._queue.extend([Fault(status, path)] * times)

    def hang_up(self, times: int = 1, path: str = "") -> None:
        self._queue.extend([Fault(0, path)] * times)

    def slow(self, seconds: float, times: int = 1, path: str = "") -> None:
        """The real answer, so much later."""
        self._queue.extend([Fault(200, path, seconds=seconds)] * times)

    @property
    def left(self) -> int:
        return len(self._queue)

    def next(self, request: Received) -> Answer | None:
        """What to answer to `request` by the first fault, if that is for its path; None: the server answers."""
        if not self._queue or self._queue[0].path not in request.path:
            return None
        return self._queue.popleft().answer()

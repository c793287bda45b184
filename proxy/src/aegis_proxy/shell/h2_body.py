"""The body of a stream's request, between its client and upstream. RFC 9113 section 5.2."""

from collections.abc import Callable

from aegis_proxy.core.h2_request import BodyCount
from aegis_proxy.shell.calls import Call


class RequestBody:
    """Held until there is a call; given back to the client's windows (`acknowledge`) as upstream takes it.

    `complete`: all of it has come.
    """

    def __init__(self, acknowledge: Callable[[int], None]) -> None:
        self._acknowledge = acknowledge
        self.complete = False
        self._count = BodyCount(None)
        self._call: Call | None = None
        self._held: list[bytes] = []
        self._owed = 0
        self._waits = True

    def expect(self, count: BodyCount) -> None:
        """How long it has to be."""
        self._count = count

    def add(self, payload: bytes, size: int, ended: bool) -> None:
        """Raises Malformed for one that is not as long as it should be."""
        self.complete = ended
        self._owed += size
        self._count.add(len(payload), ended)
        if self._call is not None:
            self._call.send(payload, ended=ended)
        elif self._waits:
            self._held.append(payload)
        if not self._waits:
            self._give_back()

    def go_to(self, call: Call, start: Callable[[bool], None]) -> None:
        """Sends on what is held, and what comes; `start` sends the head, and is told whether that is all."""
        held, self._held = b"".join(self._held), []
        self._call = call
        self._waits = False
        start(self.complete and not held)
        if held and self._call is call:
            call.send(held, ended=self.complete)
        if not self._waits:
            self._give_back()

    def pause(self) -> None:
        self._waits = True

    def resume(self) -> None:
        self._waits = False
        self._give_back()

    def drop(self) -> None:
        """Nobody wants it any more. The windows are given back: those of the connection are for all streams."""
        self._call = None
        self._held = []
        self._count = BodyCount(None)
        self.resume()

    def _give_back(self) -> None:
        owed, self._owed = self._owed, 0
        if owed:
            self._acknowledge(owed)

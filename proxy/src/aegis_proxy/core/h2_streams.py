"""The streams of an HTTP/2 connection: which are open, how much may flow, and how those that are over ended.

RFC 9113 sections 5.1 and 5.2.
"""

from collections.abc import Iterator

from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core.h2_errors import ConnectionFault, StreamFault

# Of how many streams that are over we know how they ended.
_REMEMBERED = 1024


class Stream:
    """`sendable` may be negative (section 6.9.2). `headed`: the peer's header section has come, what follows are
    trailers. `unacknowledged` bytes were taken and not yet given back to its window.
    """

    __slots__ = ("ended_here", "ended_there", "headed", "receivable", "sendable", "unacknowledged")

    def __init__(self, sendable: int, receivable: int) -> None:
        self.sendable = sendable
        self.receivable = receivable
        self.unacknowledged = 0
        self.headed = False
        self.ended_here = False
        self.ended_there = False


class Streams:
    """Open streams by id. `highest_theirs` and `highest_ours` are the newest that either side opened.

    `theirs` is 1 where the peer opens odd streams (we are the server), 0 where it may open even ones.
    """

    def __init__(self, theirs: int) -> None:
        self._theirs = theirs
        self._open: dict[int, Stream] = {}
        self._over: dict[int, bool] = {}
        self.highest_theirs = 0
        self.highest_ours = 0

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._open.values())

    def get(self, number: int) -> Stream | None:
        return self._open.get(number)

    def add(self, number: int, stream: Stream) -> Stream:
        self._open[number] = stream
        if number % 2 == self._theirs:
            self.highest_theirs = number
        else:
            self.highest_ours = number
        return stream

    def is_idle(self, number: int) -> bool:
        """Whether nobody has opened it yet: no frame but HEADERS and PRIORITY may name it."""
        return number > (self.highest_theirs if number % 2 == self._theirs else self.highest_ours)

    def close(self, number: int, *, reset_by_us: bool = False) -> None:
        """It is over. `reset_by_us`: frames that its peer sent before it heard of that are still on their way."""
        if self._open.pop(number, None) is not None:
            self._over[number] = reset_by_us
            if len(self._over) > _REMEMBERED:
                del self._over[next(iter(self._over))]

    def was_reset_by_us(self, number: int) -> bool:
        return self._over.get(number, False)

    def refuse_idle(self, number: int) -> None:
        if self.is_idle(number):
            raise ConnectionFault(h2.PROTOCOL_ERROR, "a frame on a stream that nobody opened")

    def for_headers(self, number: int) -> Stream | None:
        """The open stream that a header section belongs to; None: it was reset by us, or is a new one of the peer's.

        Raises ConnectionFault, or StreamFault where the stream was ended already.
        """
        stream = self._open.get(number)
        if stream is not None:
            if stream.ended_there:
                raise StreamFault(number, h2.STREAM_CLOSED)
            return stream
        if self.is_idle(number):
            if number % 2 == 1 and self._theirs == 1:
                return None
            raise ConnectionFault(h2.PROTOCOL_ERROR, "a stream that is not the peer's to open")
        if number not in self._over:
            raise ConnectionFault(h2.PROTOCOL_ERROR, "a stream id lower than one before")
        if not self._over[number]:
            raise ConnectionFault(h2.STREAM_CLOSED, "a header section on a stream that is over")
        return None

    def for_data(self, number: int) -> Stream | None:
        """The open stream that a DATA frame belongs to; None: it was reset by us. Raises as `for_headers`."""
        stream = self._open.get(number)
        if stream is None:
            self.refuse_idle(number)
            if self.was_reset_by_us(number):
                return None
            raise StreamFault(number, h2.STREAM_CLOSED)
        if stream.ended_there:
            raise StreamFault(number, h2.STREAM_CLOSED)
        return stream

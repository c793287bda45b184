"""What a peer's HTTP/2 frames come to, for whoever uses a connection. Fields are in the order in which they came."""

from typing import NamedTuple

Fields = list[tuple[bytes, bytes]]


class Headers(NamedTuple):
    """A header section: of a request, of an interim or final response, or trailers (which always end the stream).

    `secret`: names of fields that no table may hold, here or further on (RFC 7541 section 6.2.3).
    """

    stream: int
    fields: Fields
    ended: bool
    secret: frozenset[bytes] = frozenset()


class Data(NamedTuple):
    """`size` is what it took of the flow control windows, padding included: `acknowledge` gives it back."""

    stream: int
    payload: bytes
    size: int
    ended: bool


class Reset(NamedTuple):
    """The stream is over. `ours`: its peer broke the rules, and has been told so with this code."""

    stream: int
    code: int
    ours: bool


class WindowOpened(NamedTuple):
    """More may be sent on a stream, or (0) on all of them."""

    stream: int


class Settled(NamedTuple):
    """The peer's first SETTINGS have come: it speaks HTTP/2."""


class PingAnswered(NamedTuple):
    pass


class GoAway(NamedTuple):
    """The peer takes no new streams, and has not looked at those above `last`."""

    last: int
    code: int


class Broken(NamedTuple):
    """A connection error. The GOAWAY that says so is ready to be sent; nothing else will come."""

    code: int
    detail: str


Event = Headers | Data | Reset | WindowOpened | Settled | PingAnswered | GoAway | Broken

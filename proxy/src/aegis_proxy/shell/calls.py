"""A request on its way to an upstream, whichever version of HTTP either side speaks."""

from typing import Protocol as Interface

from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused
from aegis_proxy.core.request import Request
from aegis_proxy.core.response import Response


class UpstreamReset(Refused):
    """Upstream reset the stream with this code of HTTP/2."""

    def __init__(self, code: int) -> None:
        super().__init__(UPSTREAM_BROKEN, f"upstream reset the stream, error {code}")
        self.code = code


class Caller(Interface):
    """The one who sent the request, and hears of the response."""

    def interim(self, response: Response) -> None: ...

    def respond(self, response: Response, payload: bytes, done: bool) -> None:
        """The head of the final response, with what of its body came along; `done`: that was all of it."""

    def more(self, payload: bytes, done: bool) -> None: ...

    def trailers(self, fields: Fields) -> None:
        """The end of a response of HTTP/2, with its trailers. (Those of HTTP/1.1 are dropped where they are read.)"""

    def switch(self, response: Response, payload: bytes) -> None:
        """The upgrade that was asked for, with what came behind it: from now on the connection is the caller's."""

    def broken(self, refused: Refused, unanswered: bool) -> None:
        """The call cannot be finished. `unanswered`: upstream has not looked at it."""

    def pause_sending(self) -> None: ...

    def resume_sending(self) -> None: ...


class Call(Interface):
    def start(self, caller: Caller, request: Request, head: bytes, *, ended: bool) -> None:
        """Sends the head, as HTTP/1.1 has it; `ended`: no body will follow."""

    def send(self, payload: bytes, *, ended: bool) -> None:
        """Sends of the body what came, and its end."""

    def pause_receiving(self) -> None: ...

    def resume_receiving(self) -> None: ...

    def release(self, *, complete: bool) -> None:
        """The response is whole; `complete`: so is the request."""

    def abandon(self) -> None:
        """Ends the call in the middle of whatever it does."""

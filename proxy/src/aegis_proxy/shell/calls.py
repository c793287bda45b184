"""A request on its way to an upstream, whichever version of HTTP that speaks."""

from typing import Protocol as Interface

from aegis_proxy.core.framing import LAST_CHUNK, chunk
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused
from aegis_proxy.core.request import Body, Request
from aegis_proxy.shell.upstream import Exchange, UpstreamConnection


class UpstreamReset(Refused):
    """Upstream reset the stream with this code of HTTP/2."""

    def __init__(self, code: int) -> None:
        super().__init__(UPSTREAM_BROKEN, f"upstream reset the stream, error {code}")
        self.code = code


class Caller(Exchange, Interface):
    """Who made the call."""

    def trailers(self, fields: Fields) -> None:
        """The end of the response, with its trailers."""


class Call(Interface):
    def start(self, caller: Caller, request: Request, head: bytes, *, ended: bool) -> None:
        """Sends the head, as HTTP/1.1 has it; `ended`: no body will follow."""

    def send(self, payload: bytes, *, ended: bool) -> None: ...

    def pause_receiving(self) -> None: ...

    def resume_receiving(self) -> None: ...

    def release(self, *, complete: bool) -> None:
        """The response is whole; `complete`: so is the request."""

    def abandon(self) -> None:
        """Ends the call in the middle of whatever it does."""


class Http1Call:
    """On a connection of HTTP/1.1, alone."""

    def __init__(self, upstream: UpstreamConnection) -> None:
        self._upstream = upstream
        self._chunked = False
        self.pause_receiving = upstream.pause_receiving
        self.resume_receiving = upstream.resume_receiving
        self.abandon = upstream.abandon

    def start(self, caller: Caller, request: Request, head: bytes, *, ended: bool) -> None:
        self._chunked = request.body is Body.CHUNKED
        self._upstream.start(caller, request.method, head)
        if ended:
            self.send(b"", ended=True)

    def send(self, payload: bytes, *, ended: bool) -> None:
        if self._chunked:
            payload = (chunk(payload) if payload else b"") + (LAST_CHUNK if ended else b"")
        if payload:
            self._upstream.send(payload)

    def release(self, *, complete: bool) -> None:
        if complete:
            self._upstream.release()
        else:
            self._upstream.abandon()

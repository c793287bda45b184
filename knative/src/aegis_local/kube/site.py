"""The HTTPS front: twisted.web requests to the Api and back."""

import json
import traceback
from typing import Any
from urllib.parse import parse_qs, unquote

from attrs import define, field
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from aegis_local.kube.api import Api
from aegis_local.kube.errors import expired, internal
from aegis_local.kube.handlers import Answer, Asked
from aegis_local.kube.requests import Query
from aegis_local.kube.store import Collection, Store
from aegis_local.kube.watching import Watch, WatchStream

_log = Logger()


@define
class Watches:
    """The open watches, so that the server's stop and the fault injection can end them."""

    streams: list[WatchStream] = field(factory=list)

    def drop(self) -> int:
        """Cut every watch's connection; the result is how many there were."""
        streams = list(self.streams)
        for stream in streams:
            stream.drop()
        return len(streams)

    def expire(self) -> int:
        """End every watch with an ERROR event that says 410 Gone."""
        streams = list(self.streams)
        for stream in streams:
            stream.fail(expired("The resourceVersion for the provided watch is too old.").status())
        return len(streams)

    def end(self, collection: Collection | None = None) -> None:
        """End all watches in order, or those of one collection."""
        for stream in list(self.streams):
            if collection in (None, stream.collection):
                stream.end()


class ApiResource(Resource):
    """The one resource of the site: every path is the Api's."""

    isLeaf = True

    def __init__(self, api: Api, store: Store, watches: Watches, reactor: IReactorTime, bookmark_every: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._api = api
        self._store = store
        self._watches = watches
        self._reactor = reactor
        self._bookmark_every = bookmark_every

    def render(self, request: Request) -> int:
        deferred = ensureDeferred(self._respond(request))
        deferred.addErrback(lambda failure: _log.failure("a request could not be answered", failure))
        return int(NOT_DONE_YET)

    async def _respond(self, request: Request) -> None:
        gone: list[Any] = []
        request.notifyFinish().addErrback(gone.append)
        try:
            answer = await self._api.answer(_asked(request))
        except Exception as error:  # noqa: BLE001  # the border: a defect here is the client's 500, as in Kubernetes
            _log.error("{trace}", trace=traceback.format_exc())
            answer = Answer(500, internal(f"{type(error).__name__}: {error}").status())
        if gone:
            return
        if isinstance(answer, Watch):
            stream = WatchStream(
                self._store, answer, request, self._reactor, self._bookmark_every, self._watches.streams.remove
            )
            self._watches.streams.append(stream)
            stream.begin()
        else:
            _send(request, answer)


def _asked(request: Request) -> Asked:
    path, _, query = request.uri.decode("latin-1").partition("?")
    values = {name: tuple(found) for name, found in parse_qs(query, keep_blank_values=True).items()}
    headers = {
        name.decode("latin-1").lower(): ",".join(value.decode("latin-1") for value in found)
        for name, found in request.requestHeaders.getAllRawHeaders()
    }
    return Asked(
        request.method.decode("latin-1"),
        unquote(path),
        Query(values),
        headers,
        request.content.read() if request.content else b"",
    )


def _send(request: Request, answer: Answer) -> None:
    body = answer.body
    data = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode() + b"\n"
    request.setResponseCode(answer.code)
    request.setHeader("content-type", answer.content_type)
    request.setHeader("content-length", str(len(data)))
    request.setHeader("cache-control", "no-cache, private")
    for name, value in answer.headers.items():
        request.setHeader(name, value)
    for warning in answer.warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        request.responseHeaders.addRawHeader(b"warning", f'299 - "{quoted}"'.encode())
    request.write(data)
    request.finish()

"""Watches: a stream of events to one client, written as they happen."""

import json
from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import Request

from aegis_local.kube.errors import expired
from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, namespace_of
from aegis_local.kube.reading import WatchStart, seen_through
from aegis_local.kube.selectors import Selector
from aegis_local.kube.store import Collection, CompactedError, Event, Store

_BACKLOG = 10_000
"""Events that may wait for a client that does not read; then its watch ends, as in Kubernetes."""


@frozen
class Watch:
    """A watch that may begin: what it sends first and what it lets through. `timeout` is in seconds."""

    kind: Kind
    namespace: str
    start: WatchStart
    selector: Selector
    bookmarks: bool
    timeout: float
    render: Callable[[Object], Object]
    content_type: str


class WatchStream:
    """One client's stream. It is the push producer of its request, so it waits while the client does not read."""

    def __init__(
        self,
        store: Store,
        watch: Watch,
        request: Request,
        reactor: IReactorTime,
        bookmark_every: float,
        ended: Callable[["WatchStream"], None],
    ) -> None:
        self._store = store
        self._watch = watch
        self._request = request
        self._revision = watch.start.revision
        self._paused = False
        self._waiting: list[bytes] = []
        self._open = True
        self._ended = ended
        self._unsubscribe: Callable[[], None] = lambda: None
        self._timeout = reactor.callLater(watch.timeout, self._time_out)
        self._reactor = reactor
        self._bookmark_every = bookmark_every
        self._bookmark = reactor.callLater(bookmark_every, self._send_bookmark)

    @property
    def collection(self) -> Collection:
        return self._watch.kind.collection

    def begin(self) -> None:
        """Send what the watch starts with; from then on events follow as they are stored."""
        request, start = self._request, self._watch.start
        request.notifyFinish().addErrback(lambda _: self._close())
        request.setHeader("content-type", self._watch.content_type)
        request.registerProducer(self, True)
        request.write(b"")
        for obj in start.initial:
            self._send("ADDED", self._shown(obj))
        if start.announce_end:
            self._send("BOOKMARK", self._mark({"k8s.io/initial-events-end": "true"}))
        try:
            missed = self._store.since(start.revision)
        except CompactedError as error:
            self.fail(expired(str(error)).status())
            return
        self._unsubscribe = self._store.subscribe(self._on_event)
        for event in missed:
            self._on_event(event)

    def _on_event(self, event: Event) -> None:
        watch = self._watch
        if not self._open or event.collection != watch.kind.collection or event.revision <= watch.start.revision:
            return
        if watch.namespace and namespace_of(event.object) != watch.namespace:
            return
        self._revision = event.revision
        if (seen := seen_through(event, watch.selector)) is not None:
            self._send(seen[0], self._shown(seen[1]))

    def _shown(self, obj: Object) -> Object:
        return self._watch.render({**obj, "apiVersion": self._watch.kind.api_version})

    def _mark(self, annotations: dict[str, str]) -> Object:
        kind = self._watch.kind
        meta: Object = {
            "resourceVersion": str(max(self._revision, self._watch.start.revision)),
            "creationTimestamp": None,
        }
        if annotations:
            meta["annotations"] = annotations
        return {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}

    def _send_bookmark(self) -> None:
        self._bookmark = self._reactor.callLater(self._bookmark_every, self._send_bookmark)
        self.bookmark()

    def bookmark(self) -> None:
        """Tell a client that asked for bookmarks how far the server has come."""
        if self._watch.bookmarks:
            self._revision = max(self._revision, self._store.revision)
            self._send("BOOKMARK", self._mark({}))

    def _send(self, type: str, obj: Object) -> None:
        if not self._open:
            return
        line = json.dumps({"type": type, "object": obj}, separators=(",", ":")).encode() + b"\n"
        if not self._paused:
            self._request.write(line)
        elif len(self._waiting) < _BACKLOG:
            self._waiting.append(line)
        else:
            self.end()

    def fail(self, status: Object) -> None:
        """End with an ERROR event that holds a Status."""
        self._send("ERROR", status)
        self.end()

    def _time_out(self) -> None:
        self.bookmark()
        self.end()

    def end(self) -> None:
        """Close the stream in order, as at its timeout."""
        if self._open:
            self._close()
            self._request.unregisterProducer()
            self._request.finish()

    def drop(self) -> None:
        """Cut the connection in the middle, as a network does."""
        if self._open:
            self._close()
            self._request.loseConnection()

    def _close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._unsubscribe()
        for call in (self._timeout, self._bookmark):
            if call.active():
                call.cancel()
        self._ended(self)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            self._request.write(line)

    def stopProducing(self) -> None:
        self._close()

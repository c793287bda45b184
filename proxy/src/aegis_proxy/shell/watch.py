"""Drives `core.listing` for each object that is wanted: its actions become requests, their outcomes become events."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeadlinePassed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from aegis_api.resources import API_VERSION, KINDS, Resource
from aegis_proxy.core.knowledge import Absent, Held, Key, Pending, read_object
from aegis_proxy.core.listing import Listing
from aegis_proxy.core.listing_words import (
    Action,
    Answered,
    Apply,
    Broke,
    Document,
    Drop,
    Ended,
    Event,
    Expired,
    LineCame,
    List,
    Listed,
    Note,
    Opened,
    Refuse,
    RereadToken,
    Started,
    Target,
    Wait,
    Watch,
    Woke,
)
from aegis_proxy.shell.http_client import explained
from aegis_proxy.shell.logs import Log

# How long a list, or the head of a watch, may take; and how much longer than it was told a watch may last.
_ANSWER_DEADLINE = 30.0
_WATCH_LEEWAY = 10.0


class Api(Protocol):
    """The part of `kube_api` that watches use."""

    def reread_credentials(self) -> None: ...
    async def list(self, target: Target) -> Any: ...
    async def watch(self, target: Target, resource_version: str, seconds: int) -> Any: ...


class Watcher:
    """Watches one object between `start` and `stop`."""

    def __init__(
        self,
        target: Target,
        api: Api,
        reactor: Any,
        log: Log,
        random: Random,
        counters: Counter[tuple[str, str]],
        apply: Callable[[Document | None], None],
        refuse: Callable[[int], None],
    ) -> None:
        self.listing = Listing(target)
        self._api = api
        self._reactor = reactor
        self._log = log
        self._random = random
        self._counters = counters
        self._apply = apply
        self._refuse = refuse
        self._call: Deferred[Any] | None = None
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        self._receive(Started())

    def stop(self) -> None:
        self._drop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _receive(self, event: Event) -> None:
        for action in self.listing.receive(event, self._reactor.seconds(), self._random.random()):
            self._act(action)

    def _act(self, action: Action) -> None:
        match action:
            case List():
                self._counters["watch_requests", "list"] += 1
                self._begin(self._list(), _ANSWER_DEADLINE, Broke(f"no answer within {_ANSWER_DEADLINE:g} s"))
            case Watch():
                self._counters["watch_requests", "watch"] += 1
                self._begin(self._watch(action), action.timeout + _WATCH_LEEWAY, Expired())
            case Wait(seconds):
                self._timer = self._reactor.callLater(seconds, self._woke)
            case Drop():
                self._drop()
            case RereadToken():
                self._api.reread_credentials()
            case Apply(document):
                self._apply(document)
            case Refuse(status):
                self._refuse(status)
            case Note(message):
                self._counters["watch_requests", "trouble"] += 1
                self._log.warning("watch", object=str(self.listing.target), problem=message)

    def _woke(self) -> None:
        self._timer = None
        self._receive(Woke())

    def _drop(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _begin(self, work: Any, deadline: float, on_deadline: Event) -> None:
        call: Deferred[Any] = Deferred.fromCoroutine(work)
        self._call = call
        call.addTimeout(deadline, self._reactor)
        call.addErrback(lambda failure: _event_of(failure, on_deadline))
        call.addCallback(self._over, call)
        call.addErrback(self._broken)

    def _over(self, event: Event, call: "Deferred[Any]") -> None:
        if call is self._call:
            self._call = None
            self._receive(event)

    def _broken(self, failure: Failure) -> None:
        self._log.failure("a watch failed unexpectedly", failure, object=str(self.listing.target))

    async def _list(self) -> Event:
        from aegis_proxy.shell.kube_api import read_list

        answer = await self._api.list(self.listing.target)
        return Listed(await read_list(answer)) if answer.status == 200 else _refusal(answer)

    async def _watch(self, action: Watch) -> Event:
        from aegis_proxy.shell.kube_api import stream_lines

        head = Deferred.fromCoroutine(
            self._api.watch(self.listing.target, action.resource_version, action.timeout)
        ).addTimeout(_ANSWER_DEADLINE, self._reactor)
        try:
            answer = await head
        except DeadlinePassed:
            return Broke(f"no answer within {_ANSWER_DEADLINE:g} s")
        if answer.status != 200:
            return _refusal(answer)
        call = self._call

        def heard(line: bytes) -> None:
            if self._call is call:
                self._receive(LineCame(line))

        self._receive(Opened())
        await stream_lines(answer, heard)
        return Ended()


def _refusal(answer: Any) -> Answered:
    answer.abort()
    text = answer.headers.get("retry-after", "")
    return Answered(answer.status, float(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None)


def _event_of(failure: Failure, on_deadline: Event) -> Event:
    """A failed call as an event; whatever went wrong, the next attempt follows."""
    if failure.check(DeadlinePassed):
        return on_deadline
    if failure.check(CancelledError):
        return Broke("given up")
    return Broke(explained(failure.value) if failure.value else "unknown")


class KubeSource:
    """The objects that are wanted, as the API server last told them."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        reactor: Any,
        log: Log,
        random: Random,
        counters: Counter[tuple[str, str]],
        changed: Callable[[], None],
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._reactor = reactor
        self._log = log
        self._random = random
        self._counters = counters
        self._changed = changed
        self._watchers: dict[Key, Watcher] = {}
        self._documents: dict[Key, Document | None] = {}
        self._refusals: dict[Key, int] = {}
        self._parsed: dict[Key, tuple[Document | None, Held[Resource]]] = {}

    def start(self) -> None:
        self._changed()

    def stop(self) -> None:
        self.want(frozenset())

    def want(self, keys: frozenset[Key]) -> None:
        """Watches exactly these from now on."""
        for key in [key for key in self._watchers if key not in keys]:
            self._watchers.pop(key).stop()
            self._documents.pop(key, None)
            self._refusals.pop(key, None)
            self._parsed.pop(key, None)
        for key in sorted(keys - self._watchers.keys(), key=str):
            self._watchers[key] = self._watcher(key)
            self._watchers[key].start()

    def held(self, key: Key) -> Held[Resource]:
        if key not in self._documents:
            status = self._refusals.get(key)
            return Pending() if status is None else Absent(f"may not be read: the API server answers {status}")
        document = self._documents[key]
        parsed = self._parsed.get(key)
        if parsed is None or parsed[0] is not document:
            # Read when it is looked at: of a thousand updates in a second, most never are.
            parsed = self._parsed[key] = document, read_object(document, key, self._namespace)
        return parsed[1]

    def silence(self) -> float:
        """For how many seconds the API server has not spoken of one of the objects that are known."""
        spoken = [watcher.listing.contact for watcher in self._watchers.values() if watcher.listing.contact is not None]
        return self._reactor.seconds() - min(spoken) if spoken else 0.0

    def describe(self) -> dict[str, object]:
        return {
            "from": "Kubernetes",
            "silent_seconds": round(self.silence(), 1),
            "watched": sorted(map(str, self._watchers)),
        }

    def _watcher(self, key: Key) -> Watcher:
        namespace = self._namespace if KINDS[key.kind].namespaced else ""

        def apply(document: Document | None) -> None:
            self._refusals.pop(key, None)
            if key not in self._documents or self._documents[key] != document:
                self._documents[key] = document
                self._changed()

        def refuse(status: int) -> None:
            # What is known stays in force until it is too old.
            if self._refusals.get(key) != status:
                self._refusals[key] = status
                self._changed()

        return Watcher(
            Target(API_VERSION, key.kind, namespace, key.name),
            self._api,
            self._reactor,
            self._log,
            self._random,
            self._counters,
            apply,
            refuse,
        )

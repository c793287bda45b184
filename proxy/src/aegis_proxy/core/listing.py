"""List and watch of one Kubernetes object, as a dialogue without I/O: events go in, actions come out.

The semantics are those of client-go's reflector (tools/cache/reflector.go), narrowed to one object and tightened, for
policy hangs on it: the list is always a quorum read (no resourceVersion), and nothing older ever replaces the newer.
"""

import json
from enum import Enum, auto

from attrs import frozen

from aegis_proxy.core.backoff import Backoff
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

# RBAC for a new pod is made while the pod starts: until the first list, ask often.
_EAGER = Backoff(first=0.8, most=5.0)
_PATIENT = Backoff(first=0.8, most=20.0)
_EAGER_FAILURES = 20
_LONGEST_RETRY_AFTER = 120.0

_SHORTEST_WATCH, _LONGEST_WATCH = 60, 120
# A watch that lasted this many seconds was a good one; one that ends sooner counts as a failure, so it backs off.
_GOOD_WATCH = 10.0
# So many lists in a row that lie before what was seen: the history itself was set back (a restored etcd).
_LISTS_THAT_RESET = 5


class _State(Enum):
    IDLE = auto()
    LISTING = auto()
    WATCHING = auto()
    WAITING_TO_LIST = auto()
    WAITING_TO_WATCH = auto()


class _Unreadable(Exception):  # named by what is wrong with it
    """An answer that is not what the API promises. Its text says how."""


@frozen
class _Seen:
    """What a document says of itself. An object that is not the target's is `other`."""

    version: str
    uid: str = ""
    other: bool = False


class Listing:
    """The dialogue about `target`. `contact` is when the API server last spoke of it (None: never)."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.contact: float | None = None
        self._state = _State.IDLE
        self._version = ""
        self._uid = ""
        self._opened: float | None = None
        self._failures = 0
        self._set_back = 0
        self._hurried = False
        self._token_reread = False

    def receive(self, event: Event, now: float, roll: float) -> list[Action]:
        """What to do after `event`. `now` is in seconds of a steady clock, `roll` random, from 0 up to 1."""
        match event:
            case Started():
                return self._list()
            case Woke():
                return self._list() if self._state is _State.WAITING_TO_LIST else self._watch(roll)
            case Listed(document):
                return self._listed(document, now, roll)
            case Opened():
                self._heard(now)
                self._opened = now
                return []
            case LineCame(line):
                self._heard(now)
                self._is_good(now)
                return self._line_came(line, roll)
            case Ended():
                self._heard(now)
                return self._watch(roll) if self._is_good(now) else self._retry(roll)
            case Expired():
                self._is_good(now)
                return [Note("the watch was silent beyond its deadline"), *self._list()]
            case Broke(reason):
                self._is_good(now)
                return [Note(f"no answer: {reason}"), *self._retry(roll)]
        return self._answered(event, roll)

    # What to do next.

    def _list(self) -> list[Action]:
        self._state = _State.LISTING
        self._opened = None
        return [List()]

    def _watch(self, roll: float) -> list[Action]:
        self._state = _State.WATCHING
        self._opened = None
        timeout = _SHORTEST_WATCH + round((_LONGEST_WATCH - _SHORTEST_WATCH) * roll)
        return [Watch(self._version, timeout)]

    def _retry(self, roll: float, at_least: float = 0.0) -> list[Action]:
        """Later, what was tried last: a watch goes on where it was."""
        after = _State.WAITING_TO_WATCH if self._state is _State.WATCHING else _State.WAITING_TO_LIST
        return self._wait(after, roll, at_least)

    def _list_later(self, roll: float) -> list[Action]:
        return self._wait(_State.WAITING_TO_LIST, roll, 0.0)

    def _wait(self, state: _State, roll: float, at_least: float) -> list[Action]:
        self._state = state
        self._failures += 1
        eager = not self._version and self._failures <= _EAGER_FAILURES
        delay = (_EAGER if eager else _PATIENT).delay(self._failures, roll)
        return [Wait(max(delay, min(at_least, _LONGEST_RETRY_AFTER)))]

    def _list_soon(self, roll: float) -> list[Action]:
        """A list at once, if there was a good watch since the last hurry."""
        if self._hurried:
            return self._list_later(roll)
        self._hurried = True
        return self._list()

    # What was heard.

    def _heard(self, now: float) -> None:
        self.contact = now
        self._token_reread = False

    def _is_good(self, now: float) -> bool:
        """Whether the watch has lasted long enough to be called good, which makes past failures forgotten."""
        good = self._opened is not None and now - self._opened >= _GOOD_WATCH
        if good:
            self._failures = 0
            self._hurried = False
        return good

    def _answered(self, event: Answered, roll: float) -> list[Action]:
        listing, status = self._state is _State.LISTING, event.status
        if status == 401 and not self._token_reread:
            self._token_reread = True
            return [RereadToken(), *(self._list() if listing else self._watch(roll))]
        note = Note(f"the API server answered with status {status}")
        if status == 410:
            return [note, *self._list_soon(roll)]
        if status in (403, 404) and listing:
            return [note, Refuse(status), *self._retry(roll)]
        if event.retry_after is not None or status in (401, 429):
            return [note, *self._retry(roll, event.retry_after or 0.0)]
        return [note, *self._list_later(roll)]

    def _listed(self, document: object, now: float, roll: float) -> list[Action]:
        try:
            version, found, seen = self._read_list(document)
        except _Unreadable as error:
            return [Note(f"the list is unusable: {error}"), *self._list_later(roll)]
        if _is_newer(self._version, version) and _are_numbers(self._version, version):
            self._set_back += 1
            if self._set_back < _LISTS_THAT_RESET:
                return [Note(f"the list lies before what was seen ({version})"), *self._list_later(roll)]
        self._set_back = 0
        self._heard(now)
        self._version, self._uid = version, seen.uid
        return [Apply(found), *self._watch(roll)]

    def _line_came(self, line: bytes, roll: float) -> list[Action]:
        try:
            return self._event(line, roll)
        except _Unreadable as error:
            return [Note(f"the watch is unusable: {error}"), Drop(), *self._list_later(roll)]

    def _event(self, line: bytes, roll: float) -> list[Action]:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            raise _Unreadable("a line is not JSON") from None
        if not isinstance(event, dict) or not isinstance(document := event.get("object"), dict):
            raise _Unreadable("an event without an object")
        match event.get("type"):
            case "BOOKMARK":
                self._move_to(self._read_metadata(document).version)
                return []
            case "ADDED" | "MODIFIED":
                return self._changed(document, document, roll)
            case "DELETED":
                return self._changed(document, None, roll)
            case "ERROR":
                note = Note(f"the watch ended with an error: {document.get('code')} {document.get('reason')}")
                return [note, Drop(), *(self._list_soon if document.get("code") == 410 else self._list_later)(roll)]
        return [Note("an event of a type that is not known")]

    def _changed(self, document: Document, after: Document | None, roll: float) -> list[Action]:
        seen = self._read_metadata(document)
        if seen.other:
            self._move_to(seen.version)
            return []
        if not _is_newer(seen.version, self._version):
            if seen.uid == self._uid and after is not None:
                return []
            # A deletion, or another object of this name, from the past: only a quorum read can tell what holds.
            return [Note(f"an event lies before what was seen ({seen.version})"), Drop(), *self._list_soon(roll)]
        self._version = seen.version
        self._uid = "" if after is None else seen.uid
        return [Apply(after)]

    def _move_to(self, version: str) -> None:
        if _is_newer(version, self._version):
            self._version = version

    # What it says.

    def _read_list(self, document: object) -> tuple[str, Document | None, _Seen]:
        if not isinstance(document, dict) or not isinstance(items := document.get("items"), list):
            raise _Unreadable("no list of items")
        metadata = document.get("metadata")
        if (
            not isinstance(metadata, dict)
            or not isinstance(version := metadata.get("resourceVersion"), str)
            or not version
        ):
            raise _Unreadable("no resourceVersion")
        if metadata.get("continue"):
            raise _Unreadable("one page of many, where one object was asked for")
        for item in items:
            if not isinstance(item, dict):
                raise _Unreadable("an item that is not an object")
            named = {"apiVersion": self.target.api_version, "kind": self.target.kind, **item}
            seen = self._read_metadata(named)
            if not seen.other:
                return version, named, seen
        return version, None, _Seen(version)

    def _read_metadata(self, document: Document) -> _Seen:
        target, metadata = self.target, document.get("metadata")
        if document.get("kind") != target.kind or document.get("apiVersion") != target.api_version:
            raise _Unreadable("an object of another kind")
        if not isinstance(metadata, dict):
            raise _Unreadable("an object without metadata")
        version, uid = metadata.get("resourceVersion"), metadata.get("uid", "")
        if not isinstance(version, str) or not version or not isinstance(uid, str):
            raise _Unreadable("an object without a resourceVersion")
        other = (metadata.get("name"), metadata.get("namespace", "")) != (target.name, target.namespace)
        return _Seen(version, uid, other)


def _is_newer(version: str, than: str) -> bool:
    """Whether one resourceVersion lies after another. They are numbers (KEP-5504), else new if they differ."""
    return int(version) > int(than) if _are_numbers(version, than) else version != than


def _are_numbers(*versions: str) -> bool:
    return all(version.isascii() and version.isdecimal() and len(version) <= 20 for version in versions)

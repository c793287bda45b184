import json
from typing import Any, cast

import pytest
from attrs import evolve
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.test.requesthelper import DummyRequest

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.errors import expired
from aegis_local.kube.objects import Object
from aegis_local.kube.reading import WatchStart
from aegis_local.kube.store import Store
from aegis_local.kube.watching import Watch, WatchStream
from support.in_memory_kube import widget_crd

WIDGET = kinds_of(widget_crd())[0]
EVERYTHING = Watch(
    WIDGET, "", WatchStart([], 1, False), lambda _: True, False, 100.0, lambda obj: obj, "application/json"
)


class Dropped(DummyRequest):
    """A request whose connection can be cut."""

    dropped = False

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Twisted's own would pull for ever."""
        assert streaming

    def unregisterProducer(self) -> None:
        """Nothing was registered."""

    def loseConnection(self) -> None:
        self.dropped = True


class Scene:
    """A stream to a client, with a store to write to and a clock to move."""

    def __init__(self, watch: Watch = EVERYTHING, store: Store | None = None) -> None:
        self.store = store or Store()
        self.clock = Clock()
        self.request = Dropped([b""])
        self.ended: list[WatchStream] = []
        self.stream = WatchStream(self.store, watch, cast(Request, self.request), self.clock, 10.0, self.ended.append)
        self.stream.begin()

    def write(self, name: str, namespace: str = "a", previous: Object | None = None) -> Object:
        meta = {"name": name, "namespace": namespace}
        obj = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta}
        revision = previous["metadata"]["resourceVersion"] if previous else None
        return self.store.put(WIDGET.collection, obj, revision)

    def events(self) -> list[tuple[str, str]]:
        """The events so far: their types, and names or revisions."""
        lines: list[Any] = [json.loads(line) for line in b"".join(self.request.written).splitlines()]
        self.request.written.clear()
        return [
            (
                line["type"],
                line["object"].get("metadata", {}).get("name") or line["object"]["metadata"].get("resourceVersion", ""),
            )
            for line in lines
        ]


def test_events_are_sent_as_they_happen() -> None:
    """Of the watch's collection, namespace and selector only."""
    watch = evolve(EVERYTHING, namespace="a", selector=lambda obj: obj["metadata"]["name"] != "c")
    scene = Scene(watch)
    first = scene.write("x")
    scene.write("x", previous=first)
    scene.write("y", namespace="b")
    scene.write("c")
    scene.store.put(("", "pods"), {"metadata": {"name": "p", "namespace": "a"}}, None)
    assert scene.events() == [("ADDED", "x"), ("MODIFIED", "x")]
    assert scene.stream.collection == WIDGET.collection


def test_a_watch_begins_with_what_there_is() -> None:
    """Then the bookmark that ends it, when asked for, then what was missed since."""
    store = Store()
    before = Scene(store=store).write("x")
    start = WatchStart([before], store.revision, True)
    Scene(store=store).write("missed")
    scene = Scene(evolve(EVERYTHING, start=start), store)
    assert scene.events() == [("ADDED", "x"), ("BOOKMARK", "2"), ("ADDED", "missed")]
    assert scene.request.responseHeaders.getRawHeaders("content-type") == ["application/json"]


def test_a_forgotten_revision_ends_the_watch() -> None:
    """With an ERROR event that holds 410, in a stream that is 200."""
    store = Store()
    Scene(store=store).write("x")
    store.compact()
    scene = Scene(store=store)
    event = json.loads(scene.request.written[-1])
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert scene.request.finished == 1
    assert scene.ended == [scene.stream]


def test_bookmarks_tell_how_far_the_server_is() -> None:
    """From time to time and at the end, for clients that ask for them."""
    scene = Scene(evolve(EVERYTHING, bookmarks=True))
    scene.store.put(("", "pods"), {"metadata": {"name": "p"}}, None)
    scene.clock.advance(10)
    assert scene.events() == [("BOOKMARK", "2")]
    scene.clock.pump([10] * 9)
    assert scene.request.finished == 1
    assert set(scene.events()) == {("BOOKMARK", "2")}


def test_a_watch_ends_at_its_deadline() -> None:
    """In order, without bookmarks for those who want none, and hears nothing more."""
    scene = Scene()
    scene.clock.advance(100)
    assert scene.request.finished == 1
    scene.write("late")
    scene.stream.end()
    scene.stream.drop()
    assert (scene.events(), scene.request.dropped, scene.clock.getDelayedCalls()) == ([], False, [])


def test_a_client_that_leaves_ends_its_watch() -> None:
    """Its stream forgets its timers and its subscription."""
    scene = Scene()
    scene.request.processingFailed(Failure(ConnectionError()))  # type: ignore[no-untyped-call]  # Twisted's
    scene.write("late")
    assert (scene.events(), scene.ended, scene.clock.getDelayedCalls()) == ([], [scene.stream], [])


def test_a_watch_can_be_cut_or_expired() -> None:
    """Faults for clients to recover from."""
    cut = Scene()
    cut.stream.drop()
    assert (cut.request.dropped, cut.request.finished) == (True, 0)
    expiring = Scene()
    expiring.stream.fail(expired("too old").status())
    assert json.loads(expiring.request.written[-1])["object"]["message"] == "too old"


def test_an_ended_watch_sends_nothing() -> None:
    """Not even a bookmark."""
    scene = Scene(evolve(EVERYTHING, bookmarks=True))
    scene.stream.end()
    scene.stream.bookmark()
    assert scene.events() == []


def test_events_wait_for_a_slow_client() -> None:
    """In order; one that never reads loses its watch."""
    scene = Scene()
    scene.stream.pauseProducing()
    scene.write("x")
    scene.write("y")
    assert scene.events() == []
    scene.stream.resumeProducing()
    assert scene.events() == [("ADDED", "x"), ("ADDED", "y")]
    scene.stream.pauseProducing()
    previous: Object | None = None
    for _ in range(10_001):
        previous = scene.write("z", previous=previous)
    assert scene.request.finished == 1


@pytest.mark.parametrize("stop", [lambda stream: stream.stopProducing(), lambda stream: stream.end()])
def test_stopping_twice_is_harmless(stop: Any) -> None:
    """A stream ends once."""
    scene = Scene()
    stop(scene.stream)
    stop(scene.stream)
    assert scene.ended == [scene.stream]

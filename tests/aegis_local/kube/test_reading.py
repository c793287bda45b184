from typing import Any

import pytest

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.errors import ApiError
from aegis_local.kube.objects import Object
from aegis_local.kube.reading import page, revision_of, seen_through, selector_of, watch_start
from aegis_local.kube.requests import Query
from aegis_local.kube.store import Event, Store
from support.in_memory_kube import widget_crd

WIDGET = kinds_of(widget_crd())[0]


def query(**values: str) -> Query:
    return Query({name: (value,) for name, value in values.items()})


def obj(name: str, namespace: str = "a", **labels: str) -> Object:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


@pytest.fixture
def store() -> Store:
    """Four objects at the revisions 2 to 5."""
    store = Store()
    for name in "abcd":
        store.put(WIDGET.collection, obj(name, app="x" if name < "c" else "y"), None)
    return store


def names(objects: list[Object]) -> list[str]:
    return [found["metadata"]["name"] for found in objects]


def test_lists_filter_by_selectors(store: Store) -> None:
    """Labels and fields, both."""
    found = page(store, WIDGET, "", query(labelSelector="app=x", fieldSelector="metadata.name!=a"))
    assert names(found.objects) == ["b"]
    assert found.list_metadata() == {"resourceVersion": "5"}
    assert page(store, WIDGET, "elsewhere", query()).objects == []


def test_pages_show_one_moment(store: Store) -> None:
    """What is written between two pages is not seen."""
    first = page(store, WIDGET, "", query(limit="2"))
    assert (names(first.objects), first.remaining) == (["a", "b"], 2)
    store.put(WIDGET.collection, obj("bb"), None)
    second = page(store, WIDGET, "", query(limit="2", **{"continue": first.continuation}))
    assert names(second.objects) == ["c", "d"]
    assert second.list_metadata() == {"resourceVersion": "5"}


def test_selective_pages_do_not_count_the_rest(store: Store) -> None:
    """The server does not look that far ahead."""
    found = page(store, WIDGET, "", query(limit="1", labelSelector="app=x"))
    assert found.remaining is None
    assert "remainingItemCount" not in found.list_metadata()


def test_page_of_a_forgotten_moment_is_gone(store: Store) -> None:
    """410 with a token that goes on in the present."""
    first = page(store, WIDGET, "", query(limit="2"))
    store.compact()
    with pytest.raises(ApiError, match="continue parameter is too old") as refusal:
        page(store, WIDGET, "", query(limit="2", **{"continue": first.continuation}))
    assert refusal.value.code == 410
    token = refusal.value.status()["metadata"]["continue"]
    assert names(page(store, WIDGET, "", query(**{"continue": token})).objects) == ["c", "d"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"resourceVersion": "3", "resourceVersionMatch": "Exact"}, ["a", "b"]),
        ({"resourceVersion": "3", "resourceVersionMatch": "NotOlderThan"}, ["a", "b", "c", "d"]),
        ({"resourceVersion": "3"}, ["a", "b", "c", "d"]),
        ({"resourceVersion": "3", "limit": "5"}, ["a", "b"]),
        ({"resourceVersion": "0"}, ["a", "b", "c", "d"]),
    ],
)
def test_resource_versions_of_lists(store: Store, values: dict[str, str], expected: list[str]) -> None:
    """Exact, or at least that new."""
    assert names(page(store, WIDGET, "", query(**values)).objects) == expected


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"resourceVersion": "x"}, 422),
        ({"resourceVersion": "99"}, 504),
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersionMatch": "Bogus", "resourceVersion": "1"}, 422),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422),
        ({"resourceVersionMatch": "Exact", "continue": "x"}, 422),
        ({"continue": "x"}, 400),
        ({"continue": "e30"}, 400),
        ({"limit": "many"}, 400),
    ],
)
def test_bad_list_options_are_refused(store: Store, values: dict[str, str], code: int) -> None:
    """With the code of the real server."""
    with pytest.raises(ApiError) as refusal:
        page(store, WIDGET, "", query(**values))
    assert refusal.value.code == code


def test_exact_list_of_a_forgotten_moment_is_gone(store: Store) -> None:
    """410 Expired."""
    store.compact()
    with pytest.raises(ApiError, match="too old resource version") as refusal:
        page(store, WIDGET, "", query(resourceVersion="3", resourceVersionMatch="Exact"))
    assert refusal.value.code == 410


@pytest.mark.parametrize(
    ("values", "initial", "revision", "announce"),
    [
        ({}, ["a", "b"], 5, False),
        ({"resourceVersion": "0"}, ["a", "b"], 5, False),
        ({"resourceVersion": "3"}, [], 3, False),
        (
            {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"},
            ["a", "b"],
            5,
            True,
        ),
        ({"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}, ["a", "b"], 5, False),
        ({"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan"}, [], 5, False),
        ({"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "3"}, [], 3, False),
    ],
)
def test_starts_of_watches(
    store: Store, values: dict[str, str], initial: list[str], revision: int, announce: bool
) -> None:
    """Unset and 0 begin with what there is; a revision begins after it; WatchList announces its end."""
    start = watch_start(store, WIDGET, "", query(labelSelector="app=x", **values))
    assert (names(start.initial), start.revision, start.announce_end) == (initial, revision, announce)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"sendInitialEvents": "true"}, 422),
        ({"resourceVersionMatch": "NotOlderThan"}, 422),
        ({"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "99"}, 504),
    ],
)
def test_bad_watch_options_are_refused(store: Store, values: dict[str, str], code: int) -> None:
    """As the real server does."""
    with pytest.raises(ApiError) as refusal:
        watch_start(store, WIDGET, "", query(**values))
    assert refusal.value.code == code


IN, OUT = obj("a", app="x"), obj("a", app="y")


@pytest.mark.parametrize(
    ("type", "previous", "now", "expected"),
    [
        ("ADDED", None, IN, ("ADDED", IN)),
        ("ADDED", None, OUT, None),
        ("MODIFIED", IN, IN, ("MODIFIED", IN)),
        ("MODIFIED", OUT, IN, ("ADDED", IN)),
        ("MODIFIED", OUT, OUT, None),
        ("DELETED", IN, IN, ("DELETED", IN)),
        ("DELETED", OUT, OUT, None),
    ],
)
def test_events_through_a_selector(type: Any, previous: Object | None, now: Object, expected: Any) -> None:
    """An object that begins to match is added."""
    selector = selector_of(WIDGET, query(labelSelector="app=x"))
    assert seen_through(Event(7, WIDGET.collection, type, now, previous), selector) == expected


def test_an_object_that_leaves_the_selection_is_deleted() -> None:
    """The watcher sees what it last knew, at the revision of the change."""
    selector = selector_of(WIDGET, query(labelSelector="app=x"))
    seen = seen_through(Event(7, WIDGET.collection, "MODIFIED", OUT, IN), selector)
    assert seen == ("DELETED", {"metadata": {**IN["metadata"], "resourceVersion": "7"}})


def test_unset_revision() -> None:
    """None, which is not 0."""
    assert (revision_of(""), revision_of("0")) == (None, 0)

import pytest

from aegis_local.kube.objects import Object
from aegis_local.kube.store import ChangedError, CompactedError, Event, Store

PODS = ("", "pods")


def pod(name: str, namespace: str = "a", **more: object) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}, **more}


def test_writes_count_one_revision_up() -> None:
    """Every write has its own resourceVersion, over all collections."""
    store = Store()
    first = store.put(PODS, pod("x"), None)
    second = store.put(("", "secrets"), pod("y"), None)
    assert int(second["metadata"]["resourceVersion"]) == int(first["metadata"]["resourceVersion"]) + 1 == store.revision


@pytest.mark.parametrize("expected", [None, "1"])
def test_write_over_another_revision_fails(expected: str | None) -> None:
    """A writer that has not seen the stored state changes nothing."""
    store = Store()
    stored = store.put(PODS, pod("x"), None)
    with pytest.raises(ChangedError):
        store.put(PODS, pod("x", spec=1), expected)
    assert store.get(PODS, "a", "x") == stored


def test_delete_needs_the_current_state() -> None:
    """Deleting by an old state fails, and by the current one ends with the deletion's revision."""
    store = Store()
    old = store.put(PODS, pod("x"), None)
    new = store.put(PODS, old, old["metadata"]["resourceVersion"])
    with pytest.raises(ChangedError):
        store.delete(PODS, old)
    assert store.delete(PODS, new)["metadata"]["resourceVersion"] == str(store.revision)
    assert store.get(PODS, "a", "x") is None
    assert store.collections() == []


def test_objects_are_listed_in_order_of_their_keys() -> None:
    """Namespace, then name; an empty namespace means all."""
    store = Store()
    for name, namespace in (("z", "a"), ("a", "b"), ("b", "a")):
        store.put(PODS, pod(name, namespace), None)
    assert [obj["metadata"]["name"] for obj in store.all(PODS)] == ["b", "z", "a"]
    assert [obj["metadata"]["name"] for obj in store.all(PODS, "b")] == ["a"]


def test_snapshot_shows_the_past() -> None:
    """A list at an earlier revision undoes what came after: creations, changes and deletions."""
    store = Store()
    kept = store.put(PODS, pod("kept", phase=1), None)
    gone = store.put(PODS, pod("gone"), None)
    then = store.revision
    store.put(PODS, kept | {"phase": 2}, kept["metadata"]["resourceVersion"])
    store.delete(PODS, gone)
    store.put(PODS, pod("new"), None)
    store.put(("", "secrets"), pod("other"), None)
    assert store.snapshot(PODS, then) == [gone, kept]
    assert store.snapshot(PODS, then, "elsewhere") == []


def test_history_ends_at_a_compaction() -> None:
    """Without a revision, everything that anybody has seen is too old; the present is not."""
    store = Store()
    store.put(PODS, pod("x"), None)
    seen = store.revision
    store.compact()
    with pytest.raises(CompactedError, match="too old resource version: 2 "):
        store.since(seen)
    assert store.since(store.revision) == []


def test_history_can_be_compacted_in_part() -> None:
    """Events after the given revision stay."""
    store = Store()
    for name in "abc":
        store.put(PODS, pod(name), None)
    store.compact(3)
    assert [event.revision for event in store.since(3)] == [4]


def test_history_is_bounded() -> None:
    """The oldest events are forgotten when there are too many."""
    store = Store(history=2)
    for name in "abcd":
        store.put(PODS, pod(name), None)
    assert [event.object["metadata"]["name"] for event in store.since(3)] == ["c", "d"]
    with pytest.raises(CompactedError):
        store.since(2)


def test_listeners_hear_every_event_until_they_leave() -> None:
    """Each change is told with the state before it."""
    store = Store()
    heard: list[Event] = []
    leave = store.subscribe(heard.append)
    first = store.put(PODS, pod("x"), None)
    second = store.put(PODS, first | {"spec": 1}, first["metadata"]["resourceVersion"])
    store.delete(PODS, second)
    leave()
    leave()
    store.put(PODS, pod("y"), None)
    assert [(event.type, event.previous) for event in heard] == [
        ("ADDED", None),
        ("MODIFIED", first),
        ("DELETED", second),
    ]

"""Watches: from which moment, what they send, and how they end."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.api_server import ApiServer
from support.kube_client import KubeClient, Object
from support.waiting import eventually
from support.widgets import API_VERSION, widget, widgets_in


def version_of(client: KubeClient, namespace: str) -> str:
    """The resourceVersion of the list of now."""
    version: str = client.get(widgets_in(namespace)).ok()["metadata"]["resourceVersion"]
    return version


def told(event: Object) -> tuple[str, str]:
    """What an event is about."""
    return event["type"], event["object"]["metadata"]["name"]


def test_watch_sends_each_change_in_order(client: KubeClient, namespace: str) -> None:
    """ADDED, MODIFIED and DELETED come one after another with rising resourceVersions."""
    path = widgets_in(namespace, "a")
    with client.watch(widgets_in(namespace), resourceVersion=version_of(client, namespace)) as events:
        client.create(widgets_in(namespace), widget("a")).ok()
        client.patch(path, {"spec": {"size": 2}}).ok()
        client.patch(f"{path}/status", {"status": {"observedGeneration": 2}}).ok()
        client.delete(path).ok()
        seen = [next(events) for _ in range(4)]
    assert [told(event) for event in seen] == [("ADDED", "a"), ("MODIFIED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))
    assert seen[-1]["object"]["spec"]["size"] == 2
    assert seen[0]["object"]["kind"] == "Widget"


def test_watch_from_a_version_replays_what_came_after(client: KubeClient, namespace: str) -> None:
    """Changes between the list and the watch are not lost."""
    client.create(widgets_in(namespace), widget("before")).ok()
    version = version_of(client, namespace)
    client.create(widgets_in(namespace), widget("between")).ok()
    client.delete(widgets_in(namespace, "between")).ok()
    with client.watch(widgets_in(namespace), resourceVersion=version) as events:
        assert [told(next(events)) for _ in range(2)] == [("ADDED", "between"), ("DELETED", "between")]


@pytest.mark.parametrize("version", [None, "0"])
def test_watch_without_a_version_starts_with_what_is_there(
    client: KubeClient, namespace: str, version: str | None
) -> None:
    """Without a resourceVersion, or with 0, a watch first says ADDED for each object."""
    for name in ("a", "b"):
        client.create(widgets_in(namespace), widget(name)).ok()
    eventually(lambda: len(client.get(widgets_in(namespace), resourceVersion="0").ok()["items"]) == 2)
    params: dict[str, Any] = {"resourceVersion": version} if version else {}
    with client.watch(widgets_in(namespace), **params) as events:
        assert {told(next(events)) for _ in range(2)} == {("ADDED", "a"), ("ADDED", "b")}
        client.delete(widgets_in(namespace, "a")).ok()
        assert told(next(events)) == ("DELETED", "a")


def test_watch_of_one_name_hears_of_nothing_else(client: KubeClient, namespace: str) -> None:
    """The field selector metadata.name narrows a watch to one object."""
    version = version_of(client, namespace)
    selector = "metadata.name=mine"
    with client.watch(widgets_in(namespace), resourceVersion=version, fieldSelector=selector) as events:
        for name in ("other", "mine"):
            client.create(widgets_in(namespace), widget(name)).ok()
        assert told(next(events)) == ("ADDED", "mine")


def test_object_that_leaves_a_selector_is_deleted_for_its_watch(client: KubeClient, namespace: str) -> None:
    """With a label selector, gaining the label is ADDED and losing it is DELETED."""
    path = widgets_in(namespace, "a")
    client.create(widgets_in(namespace), widget("a")).ok()
    version = version_of(client, namespace)
    with client.watch(widgets_in(namespace), resourceVersion=version, labelSelector="l=x") as events:
        client.patch(path, {"metadata": {"labels": {"l": "x"}}}).ok()
        client.patch(path, {"spec": {"size": 3}}).ok()
        client.patch(path, {"metadata": {"labels": {"l": None}}}).ok()
        seen = [next(events) for _ in range(3)]
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]


def test_watch_ends_after_its_time(client: KubeClient, namespace: str) -> None:
    """`timeoutSeconds` ends a watch without an error."""
    with client.watch(widgets_in(namespace), resourceVersion=version_of(client, namespace), seconds=1) as events:
        assert list(events) == []


def test_bookmark_tells_how_far_the_watch_is(client: KubeClient, namespace: str) -> None:
    """With allowWatchBookmarks a watch that asks for initial events marks their end with an annotated bookmark."""
    client.create(widgets_in(namespace), widget("a")).ok()
    with client.watch(
        widgets_in(namespace), sendInitialEvents=True, allowWatchBookmarks=True, resourceVersionMatch="NotOlderThan"
    ) as events:
        first, bookmark = next(events), next(events)
        assert told(first) == ("ADDED", "a")
        assert bookmark["type"] == "BOOKMARK"
        assert (bookmark["object"]["kind"], bookmark["object"]["apiVersion"]) == ("Widget", API_VERSION)
        metadata = bookmark["object"]["metadata"]
        assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert int(metadata["resourceVersion"]) >= int(first["object"]["metadata"]["resourceVersion"])
        client.create(widgets_in(namespace), widget("b")).ok()
        assert told(next(events)) == ("ADDED", "b")


def test_bookmarks_move_a_quiet_watch_on(client: KubeClient, namespace: str) -> None:
    """A watch that hears nothing gets a bookmark before it ends, so that its next one starts later."""
    version = version_of(client, namespace)
    with client.watch(
        widgets_in(namespace),
        resourceVersion=version,
        allowWatchBookmarks=True,
        seconds=4,
        fieldSelector="metadata.name=x",
    ) as events:
        client.create(widgets_in(namespace), widget("a")).ok()
        bookmarks = [event for event in events if event["type"] == "BOOKMARK"]
    assert bookmarks
    assert int(bookmarks[-1]["object"]["metadata"]["resourceVersion"]) > int(version)


def test_initial_events_need_their_options(client: KubeClient, namespace: str) -> None:
    """sendInitialEvents without resourceVersionMatch is refused."""
    answer = client.get(widgets_in(namespace), watch=True, sendInitialEvents=True)
    assert (answer.status, answer.reason) == (422, "Invalid")


def test_watch_sees_dry_runs_as_nothing(client: KubeClient, namespace: str) -> None:
    """A dry run and a write without a change send no event."""
    client.create(widgets_in(namespace), widget("a")).ok()
    path = widgets_in(namespace, "a")
    with client.watch(widgets_in(namespace), resourceVersion=version_of(client, namespace)) as events:
        client.patch(path, {"spec": {"size": 7}}, dryRun="All").ok()
        client.patch(path, {"spec": {"size": 1}}).ok()
        client.patch(path, {"spec": {"size": 8}}).ok()
        assert next(events)["object"]["spec"]["size"] == 8


def test_finalized_object_is_modified_and_then_deleted(client: KubeClient, namespace: str) -> None:
    """The deletion of an object with a finalizer is two events."""
    body = widget("a")
    body["metadata"]["finalizers"] = ["tests.example/f"]
    client.create(widgets_in(namespace), body).ok()
    path = widgets_in(namespace, "a")
    with client.watch(widgets_in(namespace), resourceVersion=version_of(client, namespace)) as events:
        client.delete(path).ok()
        marked = next(events)
        client.patch(path, {"metadata": {"finalizers": None}}).ok()
        kinds = [marked["type"], *(event["type"] for event in until_deleted(events))]
    assert marked["object"]["metadata"]["deletionTimestamp"]
    assert kinds == ["MODIFIED", "DELETED"]


def test_expired_version_is_gone(api_server: ApiServer, client: KubeClient, namespace: str) -> None:
    """A watch from a resourceVersion that the server has forgotten gets one ERROR event, 410 Expired, and ends.

    A fresh list gives a version from which watching works again.
    """
    version = version_of(client, namespace)
    client.create(widgets_in(namespace), widget("a")).ok()
    api_server.expire_resource_versions()
    with client.watch(widgets_in(namespace), resourceVersion=version) as events:
        (event,) = events
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert "too old resource version" in event["object"]["message"]
    with client.watch(widgets_in(namespace), resourceVersion=version_of(client, namespace)) as events:
        client.delete(widgets_in(namespace, "a")).ok()
        assert told(next(events)) == ("DELETED", "a")


def test_expired_page_is_gone(api_server: ApiServer, client: KubeClient, namespace: str) -> None:
    """A continue token of a forgotten moment is 410, with one to go on inconsistently."""
    for name in ("a", "b"):
        client.create(widgets_in(namespace), widget(name)).ok()
    first = client.get(widgets_in(namespace), limit=1).ok()
    api_server.expire_resource_versions()
    answer = client.get(widgets_in(namespace), limit=1, **{"continue": first["metadata"]["continue"]})
    assert (answer.status, answer.reason) == (410, "Expired")
    assert answer.body["metadata"]["continue"]


def until_deleted(events: Iterator[Object]) -> Iterator[Object]:
    """The events up to a deletion."""
    for event in events:
        yield event
        if event["type"] == "DELETED":
            return

"""Lists and the start of watches: which objects, of which revision, in which pages. Pure but for the store it reads."""

import base64
import json

from attrs import frozen

from aegis_local.kube.errors import (
    ApiError,
    FieldError,
    bad_request,
    expired,
    forbidden_value,
    invalid,
    invalid_value,
    too_large_resource_version,
)
from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, metadata, name_of, namespace_of
from aegis_local.kube.requests import Query
from aegis_local.kube.selectors import Selector, field_selector, label_selector
from aegis_local.kube.store import CompactedError, Event, Store


@frozen
class Page:
    """One answer to a list."""

    objects: list[Object]
    revision: int
    continuation: str = ""
    remaining: int | None = None

    def list_metadata(self) -> Object:
        meta: Object = {"resourceVersion": str(self.revision)}
        if self.continuation:
            meta["continue"] = self.continuation
            if self.remaining is not None:
                meta["remainingItemCount"] = self.remaining
        return meta


def selector_of(kind: Kind, query: Query) -> Selector:
    """What the query's labelSelector and fieldSelector let through."""
    by_labels = label_selector(query.text("labelSelector"))
    by_fields = field_selector(query.text("fieldSelector"), kind.collection, kind.selectable)
    return lambda obj: by_labels(obj) and by_fields(obj)


def revision_of(text: str) -> int | None:
    """A resourceVersion of a query; None when unset."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise invalid(
            "",
            "ListOptions",
            "",
            [invalid_value("resourceVersion", text, f'strconv.ParseUint: parsing "{text}": invalid syntax')],
        )
    return int(text)


def page(store: Store, kind: Kind, namespace: str, query: Query) -> Page:
    """The objects that a list asks for, in the versions they are stored in."""
    selector = selector_of(kind, query)
    limit = query.number("limit") or 0
    token = query.text("continue")
    asked = revision_of(query.text("resourceVersion"))
    match = query.text("resourceVersionMatch")
    if errors := _match_errors(match, asked, token):
        raise invalid("meta.k8s.io", "ListOptions", "", errors)
    after: tuple[str, str] | None = None
    revision = store.revision
    if token:
        revision, after = _resumed(token)
    elif asked:
        if asked > store.revision:
            raise too_large_resource_version(asked, store.revision)
        # With a limit, an exact revision was meant before resourceVersionMatch existed.
        revision = asked if match == "Exact" or (limit and not match) else store.revision
    try:
        everything = store.snapshot(kind.collection, revision, namespace)
    except CompactedError as error:
        raise _expired(store, token, after) if token else expired(str(error)) from error
    found = [obj for obj in everything if (after is None or _key(obj) > after) and selector(obj)]
    if not limit or len(found) <= limit:
        return Page(found, revision)
    selective = query.text("labelSelector") or query.text("fieldSelector")
    remaining = None if selective else len(found) - limit
    return Page(found[:limit], revision, _token(revision, _key(found[limit - 1])), remaining)


def _match_errors(match: str, asked: int | None, token: str) -> list[FieldError]:
    if not match:
        return []
    if token:
        return [forbidden_value("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")]
    if asked is None:
        return [
            forbidden_value(
                "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"
            )
        ]
    if match not in ("Exact", "NotOlderThan"):
        return [
            FieldError(
                "FieldValueNotSupported",
                "resourceVersionMatch",
                f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""',
            )
        ]
    if match == "Exact" and asked == 0:
        return [
            forbidden_value("resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
        ]
    return []


def _key(obj: Object) -> tuple[str, str]:
    return namespace_of(obj), name_of(obj)


def _token(revision: int, key: tuple[str, str]) -> str:
    body = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": list(key)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def _resumed(token: str) -> tuple[int, tuple[str, str]]:
    try:
        body = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = body["start"]
        return int(body["rv"]), (str(namespace), str(name))
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error


def _expired(store: Store, token: str, after: tuple[str, str] | None) -> ApiError:
    """The page's revision is gone; the error's own token goes on in the present, if inconsistency is fine."""
    refusal = expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list."
    )
    refusal.list_metadata = {"continue": _token(store.revision, after or ("", ""))}
    return refusal


@frozen
class WatchStart:
    """How a watch begins: with these objects as ADDED, then with the events after `revision`.

    `announce_end` asks for the bookmark that ends the initial events (WatchList).
    """

    initial: list[Object]
    revision: int
    announce_end: bool


def watch_start(store: Store, kind: Kind, namespace: str, query: Query) -> WatchStart:
    """What the resourceVersion and sendInitialEvents of a watch mean."""
    asked = revision_of(query.text("resourceVersion"))
    match = query.text("resourceVersionMatch")
    send_initial = query.flag("sendInitialEvents")
    errors = []
    if "sendInitialEvents" in query.values and match != "NotOlderThan":
        errors.append(
            forbidden_value(
                "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            )
        )
    if match and "sendInitialEvents" not in query.values:
        errors.append(
            forbidden_value(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )
        )
    if errors:
        raise invalid("meta.k8s.io", "ListOptions", "", errors)
    selector = selector_of(kind, query)
    if send_initial:
        if (asked or 0) > store.revision:
            raise too_large_resource_version(asked or 0, store.revision)
        objects = [obj for obj in store.all(kind.collection, namespace) if selector(obj)]
        return WatchStart(objects, store.revision, query.flag("allowWatchBookmarks"))
    if "sendInitialEvents" in query.values and not asked:
        return WatchStart([], store.revision, False)
    if not asked:
        objects = [obj for obj in store.all(kind.collection, namespace) if selector(obj)]
        return WatchStart(objects, store.revision, False)
    return WatchStart([], asked, False)


def seen_through(event: Event, selector: Selector) -> tuple[str, Object] | None:
    """An event as a watcher with this selector sees it: an object that starts or stops to match is added or deleted."""
    before = event.previous is not None and selector(event.previous)
    after = event.type != "DELETED" and selector(event.object)
    if after:
        return ("MODIFIED" if before else "ADDED"), event.object
    if event.previous is None or not before:
        return None
    if event.type == "DELETED":
        return "DELETED", event.object
    # It left the selection: what the watcher last knew, at the revision of the change.
    meta = {**metadata(event.previous), "resourceVersion": str(event.revision)}
    return "DELETED", {**event.previous, "metadata": meta}

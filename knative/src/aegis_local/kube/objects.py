"""Kubernetes objects are plain JSON: what every part needs to read and copy them."""

import copy
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
"""One JSON object, such as a Kubernetes resource. Objects in the store are never changed in place."""


def copied(value: Any) -> Any:
    return copy.deepcopy(value)


def metadata(obj: Object) -> Object:
    meta = obj.get("metadata")
    return meta if isinstance(meta, dict) else {}


def name_of(obj: Object) -> str:
    return str(metadata(obj).get("name") or "")


def namespace_of(obj: Object) -> str:
    return str(metadata(obj).get("namespace") or "")


def labels_of(obj: Object) -> dict[str, str]:
    return metadata(obj).get("labels") or {}


def at(value: Any, path: Iterable[str]) -> Any:
    """The value at `path` in nested objects, or None."""
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def group_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def split_group_version(api_version: str) -> tuple[str, str]:
    group, _, version = api_version.rpartition("/")
    return group, version


def timestamp(moment: float) -> str:
    """RFC 3339 in UTC with whole seconds, as metav1.Time. `moment` is in seconds since the epoch."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()

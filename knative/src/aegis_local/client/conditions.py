"""Status conditions of built-in and Knative kinds: what holds, and since when. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime

from attrs import frozen

from aegis_local.client.resources import Object


@frozen
class Holds:
    """A condition to report; `status` None is Unknown. `reason` is a word, `message` a sentence, both may be empty."""

    type: str
    status: bool | None
    reason: str = ""
    message: str = ""


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as Kubernetes writes times (RFC 3339, UTC, whole seconds)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def conditions(before: Iterable[Object], wanted: Iterable[Holds], now: str) -> list[Object]:
    """The conditions as JSON, each with the time since when its status is what it is."""
    known = {condition["type"]: condition for condition in before}
    return [_rendered(condition, known.get(condition.type, {}), now) for condition in wanted]


def _rendered(condition: Holds, old: Object, now: str) -> Object:
    status = {True: "True", False: "False", None: "Unknown"}[condition.status]
    kept = old.get("lastTransitionTime") if old.get("status") == status else None
    texts = {"reason": condition.reason, "message": condition.message}
    return {
        "type": condition.type,
        "status": status,
        "lastTransitionTime": kept or now,
        **{name: text for name, text in texts.items() if text},
    }

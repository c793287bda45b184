"""Status conditions, as Kubernetes API conventions define them."""

from collections.abc import Iterable

from attrs import frozen

from aegis_api.reading import Node, ParseError


@frozen
class Condition:
    """`status` is whether `type` holds (None: unknown).

    `reason` is one CamelCase word, `message` a sentence for people. `since` is the time of the last change of `status`
    (RFC 3339).
    """

    type: str
    status: bool | None
    reason: str
    message: str
    observed_generation: int
    since: str = ""

    def to_json(self) -> dict[str, object]:
        return {
            "type": self.type,
            "status": {True: "True", False: "False", None: "Unknown"}[self.status],
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": self.since,
        }


_STATUS: dict[str, bool | None] = {"True": True, "False": False, "Unknown": None}


def read_conditions(status: object) -> tuple[Condition, ...]:
    """The conditions of an object's `status`; those that cannot be read are dropped, for they will be written anew."""
    if not isinstance(status, dict) or not isinstance(items := status.get("conditions"), list):
        return ()
    found = []
    for item in items:
        try:
            found.append(_read_condition(Node(item)))
        except ParseError:
            continue
    return tuple(found)


def _read_condition(node: Node) -> Condition:
    fields = node.fields()
    generation, since = fields.optional("observedGeneration"), fields.optional("lastTransitionTime")
    return Condition(
        type=fields.required("type").string(),
        status=fields.required("status").one_of(_STATUS),
        reason=fields.required("reason").string(),
        message=fields.required("message").string(),
        observed_generation=generation.integer(0, 2**63 - 1) if generation else 0,
        since=since.string() if since else "",
    )


def merge_conditions(before: Iterable[Condition], after: Iterable[Condition], now: str) -> tuple[Condition, ...]:
    """`after`, each with the time at which its status last changed: `now`, or the time it had in `before`."""
    known = {condition.type: condition for condition in before}
    merged = []
    for condition in after:
        old = known.get(condition.type)
        kept = old is not None and old.status == condition.status and old.since
        merged.append(
            Condition(
                condition.type,
                condition.status,
                condition.reason,
                condition.message,
                condition.observed_generation,
                old.since if old is not None and kept else now,
            )
        )
    return tuple(merged)

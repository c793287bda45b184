"""Label and field selectors of lists and watches."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from aegis_local.kube.errors import ApiError, bad_request
from aegis_local.kube.objects import Object, at, labels_of

Selector = Callable[[Object], bool]

_KEY = r"(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_SET = re.compile(rf"(?P<key>{_KEY})\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)\s*(?:,|$)")
_EQUALITY = re.compile(rf"(?P<key>{_KEY})\s*(?P<op>==|=|!=)\s*(?P<value>[-A-Za-z0-9_.]*)\s*(?:,|$)")
_COMPARISON = re.compile(rf"(?P<key>{_KEY})\s*(?P<op>[<>])\s*(?P<value>-?[0-9]+)\s*(?:,|$)")
_PRESENCE = re.compile(rf"(?P<op>!?)\s*(?P<key>{_KEY})\s*(?:,|$)")

Requirement = Callable[[Mapping[str, str]], bool]


def label_selector(text: str) -> Selector:
    """Parse a `labelSelector` query value: equality and set based requirements, joined by commas."""
    requirements: list[Requirement] = []
    rest = text.strip()
    while rest:
        for pattern in (_SET, _EQUALITY, _COMPARISON, _PRESENCE):
            if found := pattern.match(rest):
                requirements.append(_requirement(found))
                rest = rest[found.end() :].strip()
                break
        else:
            raise bad_request(f"unable to parse requirement: found {rest!r} in the label selector {text!r}")
    return lambda obj: all(requirement(labels_of(obj)) for requirement in requirements)


def _requirement(found: re.Match[str]) -> Requirement:
    key, op = found["key"], found["op"]
    match op:
        case "in" | "notin":
            values = {value.strip() for value in found["values"].split(",")}
            if op == "in":
                return lambda labels: key in labels and labels[key] in values
            return lambda labels: key not in labels or labels[key] not in values
        case "=" | "==":
            return lambda labels, value=found["value"]: labels.get(key) == value  # type: ignore[misc]  # a lambda's default has no annotation
        case "!=":
            return lambda labels, value=found["value"]: labels.get(key) != value  # type: ignore[misc]  # as above
        case "<" | ">":
            return _comparison(key, op, int(found["value"]))
        case "!":
            return lambda labels: key not in labels
        case _:
            return lambda labels: key in labels


def _comparison(key: str, op: str, bound: int) -> Requirement:
    def compare(labels: Mapping[str, str]) -> bool:
        try:
            value = int(labels[key])
        except (KeyError, ValueError):
            return False
        return value < bound if op == "<" else value > bound

    return compare


def matches_label_selector(selector: Any, labels: Mapping[str, str]) -> bool:
    """Judge a LabelSelector object (matchLabels, matchExpressions); an empty one matches everything, None nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or ():
        value, values = labels.get(expression["key"]), expression.get("values") or ()
        holds = {
            "In": value is not None and value in values,
            "NotIn": value is None or value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[expression["operator"]]
        if not holds:
            return False
    return True


_FIELDS = {
    ("", "pods"): ("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"),
    ("", "namespaces"): ("status.phase",),
    ("", "secrets"): ("type",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("", "events"): (
        *(f"involvedObject.{part}" for part in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion")),
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}


def field_requirements(text: str) -> list[tuple[str, str, str]]:
    """Split a `fieldSelector` query value into (field, operator, value)."""
    found = []
    for part in filter(None, text.split(",")):
        field, op, value = re.match(r"([^!=]*)(==|!=|=)?(.*)", part).groups()  # type: ignore[union-attr]  # it matches any text
        if not op:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        found.append((field, "!=" if op == "!=" else "=", value))
    return found


def field_selector(text: str, collection: tuple[str, str], selectable: tuple[str, ...] = ()) -> Selector:
    """Parse a `fieldSelector`; `selectable` are the paths that a CRD adds (its selectableFields)."""
    allowed = ("metadata.name", "metadata.namespace", *_FIELDS.get(collection, ()), *selectable)
    requirements = field_requirements(text)
    for field, _, _ in requirements:
        if field not in allowed:
            raise _unsupported(field)

    def judge(obj: Object) -> bool:
        for field, op, wanted in requirements:
            value = at(obj, field.split("."))
            if ((value if isinstance(value, str) else "") == wanted) is (op == "!="):
                return False
        return True

    return judge


def named_by(text: str) -> str:
    """The name that a fieldSelector pins by `metadata.name=NAME`; authorisation counts such a list as naming it."""
    return next((value for field, op, value in field_requirements(text) if field == "metadata.name" and op == "="), "")


def _unsupported(field: str) -> ApiError:
    return bad_request(
        f'field label not supported: "{field}"' if "." not in field else f"field label not supported: {field}"
    )

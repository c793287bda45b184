from typing import Any

import pytest

from aegis_local.kube.cel_rules import problems, violations

ITEM = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "v": {"type": "integer", "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "must grow"}]},
    },
}


def schema(**of_spec: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"spec": {"type": "object", **of_spec}}}


def texts(found: list[Any]) -> list[str]:
    return [str(error) for error in found]


def judged(rule: dict[str, Any], spec: Any, old: Any = None) -> list[str]:
    kind = schema(**{"x-kubernetes-validations": [rule]})
    return texts(violations({"spec": spec}, None if old is None else {"spec": old}, kind))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"rule": "self.a > 1", "message": "a is small"}, "spec: Invalid value: a is small"),
        ({"rule": "self.a > 1"}, "spec: Invalid value: failed rule: self.a > 1"),
        ({"rule": "self.a > 1", "messageExpression": "'a is ' + string(self.a)"}, "spec: Invalid value: a is 1"),
        ({"rule": "self.a > 1", "messageExpression": "string(self.zz)", "message": "m"}, "spec: Invalid value: m"),
        ({"rule": "self.a > 1", "fieldPath": ".a", "message": "m"}, "spec.a: Invalid value: m"),
        ({"rule": "self.a > 1", "reason": "FieldValueForbidden", "message": "m"}, "spec: Forbidden: m"),
        ({"rule": "self.a > 1", "reason": "FieldValueRequired", "message": "m"}, "spec: Required value: m"),
        ({"rule": "self.a > 1", "reason": "FieldValueDuplicate", "message": "m"}, 'spec: Duplicate value: {"a":1}'),
    ],
)
def test_a_broken_rule_is_told(rule: dict[str, Any], message: str) -> None:
    """With its message, its reason and its place."""
    assert judged(rule, {"a": 1}) == [message]


def test_a_rule_without_a_value_refuses() -> None:
    """What cannot be decided is not allowed."""
    assert judged({"rule": "self.b > 1"}, {"a": 1})[0].endswith("evaluating rule: self.b > 1")


def test_a_rule_on_a_scalar_shows_the_value() -> None:
    """Objects and lists are left out of the message, scalars are not."""
    kind = schema(
        properties={"a": {"type": "integer", "x-kubernetes-validations": [{"rule": "self > 1", "message": "m"}]}}
    )
    assert texts(violations({"spec": {"a": 1}}, None, kind)) == ["spec.a: Invalid value: 1: m"]


def test_transition_rules_need_a_former_self() -> None:
    """They are skipped on creation."""
    rule = {"rule": "self.a == oldSelf.a", "message": "a is immutable"}
    assert judged(rule, {"a": 1}) == []
    assert judged(rule, {"a": 2}, {"a": 1}) == ["spec: Invalid value: a is immutable"]


def test_items_of_map_lists_have_a_former_self() -> None:
    """By their key; items of other lists have none."""
    for keys, expected in ((["name"], ["spec.list[0].v: Invalid value: 1: must grow"]), ([], [])):
        listed = {"type": "array", "items": ITEM, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
        kind = schema(properties={"list": listed})
        new = {"spec": {"list": [{"name": "a", "v": 1}, {"name": "new", "v": 0}]}}
        assert texts(violations(new, {"spec": {"list": [{"name": "a", "v": 2}]}}, kind)) == expected


def test_maps_show_their_keys() -> None:
    """A value of a map is named by its key."""
    values = {"type": "string", "x-kubernetes-validations": [{"rule": "self != 'b'", "message": "no b"}]}
    kind = schema(additionalProperties=values)
    assert texts(violations({"spec": {"k": "b"}}, None, kind)) == ['spec[k]: Invalid value: "b": no b']


def test_rules_see_the_name_only() -> None:
    """Labels and the rest of the metadata are not theirs to judge."""
    kind = {
        "type": "object",
        "x-kubernetes-validations": [{"rule": "self.metadata.name == 'x' && !has(self.metadata.labels)"}],
    }
    assert violations({"metadata": {"name": "x", "labels": {"a": "b"}}}, None, kind) == []
    assert texts(violations({"metadata": {"name": "y"}}, None, kind))[0].startswith("<nil>: Invalid value: failed rule")


def test_rules_that_are_no_cel_are_found() -> None:
    """A definition with one is refused."""
    level = {"x-kubernetes-validations": [{"rule": "self ==", "messageExpression": "'fine'"}, {"rule": "true"}]}
    assert [error.field for error in problems(level, "p")] == ["p.x-kubernetes-validations[0].rule"]

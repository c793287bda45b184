from typing import Any

import pytest

from aegis_local.kube.errors import ApiError
from aegis_local.kube.objects import Object
from aegis_local.kube.ownership import Manager, applied, managers_of, merge, updated
from aegis_local.kube.schemas import with_object_fields

SPEC = {
    "type": "object",
    "properties": {
        "size": {"type": "integer"},
        "colour": {"type": "string", "default": "red"},
        "items": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "integer"}}},
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    },
}
SCHEMA = with_object_fields(
    {
        "type": "object",
        "properties": {"spec": SPEC, "status": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    }
)
STATUS = frozenset([("f:status",)])
ONE, TWO = Manager("one", "Apply", "e/v1"), Manager("two", "Apply", "e/v1")
EDITOR = Manager("editor", "Update", "e/v1")


def config(**spec: Any) -> Object:
    return {"apiVersion": "e/v1", "kind": "W", "metadata": {"name": "x"}, "spec": spec}


def apply(live: Object, manager: Manager, force: bool = False, now: str = "t1", **spec: Any) -> Object:
    return applied(live, config(**spec), manager, SCHEMA, now, STATUS, force)


def owners(obj: Object) -> dict[str, set[str]]:
    return {manager.name: {".".join(path) for path in owned.fields} for manager, owned in managers_of(obj).items()}


def test_apply_owns_what_it_says() -> None:
    """A first apply makes the object and owns its fields, not the system's."""
    obj = apply({}, ONE, size=1)
    assert obj["spec"] == {"size": 1}
    assert owners(obj) == {"one": {"f:spec.f:size"}}
    entry = obj["metadata"]["managedFields"][0]
    assert (entry["operation"], entry["time"], entry["fieldsType"]) == ("Apply", "t1", "FieldsV1")


def test_what_an_applier_leaves_out_goes() -> None:
    """A field that only its manager owned is removed when the manager no longer says it."""
    first = apply({}, ONE, size=1, items=[{"name": "a"}, {"name": "b"}], tags=["x", "y"])
    second = apply(first, ONE, size=1, items=[{"name": "b"}], tags=["y"])
    assert second["spec"] == {"size": 1, "items": [{"name": "b"}], "tags": ["y"]}


def test_what_another_owns_too_stays() -> None:
    """A shared field stays until the last owner leaves it out."""
    both = apply(apply({}, ONE, size=1, colour="red"), TWO, size=1)
    left = apply(both, ONE, colour="red")
    assert left["spec"] == {"size": 1, "colour": "red"}
    assert owners(left) == {"one": {"f:spec.f:colour"}, "two": {"f:spec.f:size"}}


def test_another_value_is_a_conflict() -> None:
    """409 with the field and its manager; nothing else changes."""
    live = apply({}, ONE, size=1)
    with pytest.raises(ApiError, match=r'Apply failed with 1 conflict: conflict with "one": .spec.size') as refusal:
        apply(live, TWO, size=2)
    assert refusal.value.code == 409
    assert refusal.value.details["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.size"}
    ]


def test_conflicts_with_several_are_listed() -> None:
    """Each manager with its fields, an updater with its version."""
    live = apply({}, ONE, size=1)
    live = updated(live, {**live, "spec": {**live["spec"], "colour": "blue"}}, EDITOR, SCHEMA, "t2", STATUS)
    with pytest.raises(ApiError) as refusal:
        apply(live, TWO, size=2, colour="green")
    message = refusal.value.message
    assert message.startswith("Apply failed with 2 conflicts: ")
    assert 'conflicts with "editor" using e/v1:\n- .spec.colour' in message
    assert 'conflicts with "one":\n- .spec.size' in message


def test_force_takes_the_fields_over() -> None:
    """The former owner loses what it disputed, and is dropped when it owns nothing more."""
    taken = apply(apply({}, ONE, size=1), TWO, size=2, force=True)
    assert taken["spec"] == {"size": 2}
    assert owners(taken) == {"two": {"f:spec.f:size"}}


def test_a_repeated_apply_keeps_its_time() -> None:
    """What does not change has no new time."""
    first = apply({}, ONE, size=1)
    assert apply(first, ONE, size=1, now="t9")["metadata"] == first["metadata"]


def test_update_takes_what_it_changes() -> None:
    """A plain write owns changed fields; the applier loses them."""
    live = apply({}, ONE, size=1, colour="red")
    new = updated(live, {**live, "spec": {"size": 2, "colour": "red"}}, EDITOR, SCHEMA, "t2", STATUS)
    assert owners(new) == {"one": {"f:spec.f:colour"}, "editor": {"f:spec.f:size"}}


def test_update_removes_ownership_of_what_is_gone() -> None:
    """Nobody owns a field that is not there."""
    live = apply({}, ONE, size=1, colour="red")
    new = updated(live, {**live, "spec": {"size": 1}}, EDITOR, SCHEMA, "t2", STATUS)
    assert owners(new) == {"one": {"f:spec.f:size"}}


def test_what_a_request_cannot_change_it_does_not_own() -> None:
    """Status belongs to the status subresource."""
    new = updated({}, {**config(size=1), "status": {"n": 1}}, EDITOR, SCHEMA, "t1", STATUS)
    assert owners(new)["editor"] == {"f:spec", "f:spec.f:size"}


def test_a_writer_may_set_managed_fields() -> None:
    """Entries that the writer gives replace those of the object, and `[{}]` clears them."""
    live = apply({}, ONE, size=1)
    cleared = updated(live, {**live, "metadata": {"name": "x", "managedFields": [{}]}}, EDITOR, SCHEMA, "t2", STATUS)
    assert owners(cleared) == {}


@pytest.mark.parametrize("entry", [{"operation": "Patch"}, {"operation": "Apply", "fieldsV1": {"bogus": {}}}, {}])
def test_malformed_managed_fields_are_refused(entry: Object) -> None:
    """400 with what is wrong."""
    with pytest.raises(ApiError, match=r"metadata.managedFields") as refusal:
        managers_of({"metadata": {"managedFields": [entry]}})
    assert refusal.value.code == 400


def test_subresource_is_part_of_a_manager() -> None:
    """The same writer of status is another manager, and conflicts name it so."""
    status = Manager("one", "Update", "e/v1", "status")
    live = updated({}, {**config(), "status": {"n": 1}}, status, SCHEMA, "t1", frozenset([("f:spec",)]))
    assert live["metadata"]["managedFields"][0]["subresource"] == "status"
    assert status.described() == '"one" with subresource "status" using e/v1'
    assert Manager("one", "Apply", "e/v1", "status").described() == '"one" with subresource "status"'


def test_merge_keeps_places() -> None:
    """Configured items come in their order; others stay behind their neighbour."""
    schema = SPEC["properties"]["items"]  # type: ignore[index]  # a literal above
    live = [{"name": "x"}, {"name": "a", "value": 1}, {"name": "y"}]
    assert merge(live, [{"name": "b"}, {"name": "a", "value": 2}], schema) == [
        {"name": "x"},
        {"name": "b"},
        {"name": "a", "value": 2},
        {"name": "y"},
    ]
    assert merge({"a": 1}, None, SPEC) is None


def test_an_applier_is_the_same_in_another_version() -> None:
    """Applying in a newer version continues the entry of the older one."""
    live = apply({}, ONE, size=1, colour="red")
    newer = apply(live, Manager("one", "Apply", "e/v2"), size=1)
    assert newer["spec"] == {"size": 1}
    assert [entry["apiVersion"] for entry in newer["metadata"]["managedFields"]] == ["e/v2"]

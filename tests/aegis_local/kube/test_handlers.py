from typing import Any

import pytest

from aegis_local.kube.handlers import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from support.in_memory_kube import WIDGETS, InMemoryKube, widget, widget_crd, with_widgets

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def kube() -> InMemoryKube:
    return with_widgets()


def test_create_get_list_update_delete(kube: InMemoryKube) -> None:
    """The life of an object, with the codes and bodies of the real server."""
    created = kube.call("POST", WIDGETS, widget("x", size=3))
    assert created.code == 201
    path = f"{WIDGETS}/x"
    obj = kube.ok("GET", path)
    assert obj == created.body
    listed = kube.ok("GET", WIDGETS)
    assert (listed["kind"], listed["items"]) == ("WidgetList", [obj])
    changed = kube.ok("PUT", path, {**obj, "spec": {"size": 4}})
    assert (changed["spec"], changed["metadata"]["generation"]) == ({"size": 4, "colour": "red"}, 2)
    gone = kube.ok("DELETE", path)
    assert (gone["status"], gone["details"]["kind"], gone["details"]["uid"]) == (
        "Success",
        "widgets",
        obj["metadata"]["uid"],
    )
    assert kube.refused("GET", path) == (404, 'widgets.example.com "x" not found')
    assert kube.refused("DELETE", path)[0] == 404


def test_tables(kube: InMemoryKube) -> None:
    """For one object and for lists."""
    kube.ok("POST", WIDGETS, widget("x", size=3))
    accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    for path in (WIDGETS, f"{WIDGETS}/x"):
        table = kube.ok("GET", path, headers=accept)
        assert (table["kind"], table["rows"][0]["cells"]) == ("Table", ["x", 3])


@pytest.mark.parametrize(
    ("content", "patch"),
    [
        (MERGE_PATCH, {"spec": {"size": 2}}),
        (JSON_PATCH, [{"op": "replace", "path": "/spec/size", "value": 2}]),
    ],
)
def test_patches(kube: InMemoryKube, content: str, patch: Any) -> None:
    """Merge patches and JSON patches of custom kinds."""
    kube.ok("POST", WIDGETS, widget("x"))
    assert kube.ok("PATCH", f"{WIDGETS}/x", patch, content=content)["spec"]["size"] == 2


def test_strategic_patches_are_for_built_in_kinds(kube: InMemoryKube) -> None:
    """415 for custom ones, as on a cluster."""
    kube.ok("POST", WIDGETS, widget("x"))
    assert kube.refused("PATCH", f"{WIDGETS}/x", {}, content=STRATEGIC_PATCH)[0] == 415
    kube.ok("POST", CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    assert kube.ok("PATCH", f"{CONFIG_MAPS}/c", {"data": {"b": "2"}}, content=STRATEGIC_PATCH)["data"] == {
        "a": "1",
        "b": "2",
    }


@pytest.mark.parametrize(
    ("content", "patch", "code"),
    [
        (MERGE_PATCH, [], 400),
        (JSON_PATCH, {}, 422),
        (JSON_PATCH, [{"op": "test", "path": "/spec/size", "value": 9}], 422),
        (STRATEGIC_PATCH, {"metadata": {"ownerReferences": [{}]}}, 400),
        ("text/plain", {}, 415),
        (MERGE_PATCH, {"data": {"a": 1}}, 400),
    ],
)
def test_bad_patches_are_refused(kube: InMemoryKube, content: str, patch: Any, code: int) -> None:
    """And change nothing."""
    before = kube.ok("POST", CONFIG_MAPS, {"metadata": {"name": "c"}})
    assert kube.refused("PATCH", f"{CONFIG_MAPS}/c", patch, content=content)[0] == code
    assert kube.ok("GET", f"{CONFIG_MAPS}/c") == before


def test_server_side_apply(kube: InMemoryKube) -> None:
    """It makes the object, then changes it, then changes nothing."""
    body = widget("x", size=2)
    path = f"{WIDGETS}/x"
    made = kube.call("PATCH", path, body, content=APPLY, fieldManager="m")
    assert made.code == 201
    assert isinstance(made.body, dict)
    assert made.body["metadata"]["managedFields"][0]["manager"] == "m"
    changed = kube.call("PATCH", path, widget("x", size=3), content=APPLY, fieldManager="m")
    assert changed.code == 200
    again = kube.call("PATCH", path, widget("x", size=3), content=APPLY, fieldManager="m")
    assert again.body == changed.body
    assert kube.refused("PATCH", path, widget("x", size=4), content=APPLY, fieldManager="other")[0] == 409
    forced = kube.ok("PATCH", path, widget("x", size=4), content=APPLY, fieldManager="other", force="true")
    assert forced["spec"]["size"] == 4


@pytest.mark.parametrize(
    ("body", "query", "code"),
    [
        (widget("x"), {}, 422),
        (widget("x"), {"fieldManager": "m" * 129}, 422),
        (widget("y"), {"fieldManager": "m"}, 400),
        ({**widget("x"), "kind": None}, {"fieldManager": "m"}, 400),
        ({**widget("x"), "apiVersion": None}, {"fieldManager": "m"}, 400),
        ([], {"fieldManager": "m"}, 400),
        ({**widget("x"), "metadata": {"managedFields": [{"manager": "m"}]}}, {"fieldManager": "m"}, 400),
        ({**widget("x"), "metadata": {"uid": "u"}}, {"fieldManager": "m"}, 409),
        (widget("x", bogus=1), {"fieldManager": "m"}, 500),
        (widget("x", size="x"), {"fieldManager": "m"}, 422),
    ],
)
def test_bad_configurations_are_refused(kube: InMemoryKube, body: Any, query: dict[str, str], code: int) -> None:
    """And make nothing."""
    assert kube.refused("PATCH", f"{WIDGETS}/x", body, content=APPLY, **query)[0] == code
    assert kube.refused("GET", f"{WIDGETS}/x")[0] == 404


def test_unknown_fields_of_an_apply_are_named(kube: InMemoryKube) -> None:
    """As the typed patch object of the real server."""
    message = kube.refused("PATCH", f"{WIDGETS}/x", widget("x", bogus=1), content=APPLY, fieldManager="m")[1]
    assert message == (
        "failed to create typed patch object (default/x; example.com/v1, Kind=Widget): "
        ".spec.bogus: field not declared in schema"
    )


def test_force_is_for_apply_only(kube: InMemoryKube) -> None:
    """Other patches have no conflicts."""
    kube.ok("POST", WIDGETS, widget("x"))
    assert kube.refused("PATCH", f"{WIDGETS}/x", {}, content=MERGE_PATCH, force="true")[0] == 422


def test_status_of_what_is_not_there_cannot_be_applied(kube: InMemoryKube) -> None:
    """A subresource makes no object."""
    assert kube.refused("PATCH", f"{WIDGETS}/x/status", widget("x"), content=APPLY, fieldManager="m")[0] == 404


def test_unknown_fields_are_warned_of(kube: InMemoryKube) -> None:
    """In the Warning header, unless asked otherwise."""
    assert kube.call("POST", WIDGETS, widget("x", bogus=1)).warnings == ['unknown field "spec.bogus"']
    assert kube.call("POST", WIDGETS, widget("y", bogus=1), fieldValidation="Ignore").warnings == []
    assert kube.refused("POST", WIDGETS, widget("z", bogus=1), fieldValidation="Strict")[0] == 400


def test_scale(kube: InMemoryKube) -> None:
    """Get, patch and update of the replicas alone."""
    kube.ok("POST", WIDGETS, widget("x"))
    path = f"{WIDGETS}/x/scale"
    assert kube.ok("GET", path)["spec"] == {"replicas": 0}
    assert kube.ok("PATCH", path, {"spec": {"replicas": 2}}, content=MERGE_PATCH)["spec"] == {"replicas": 2}
    scale = kube.ok("GET", path)
    assert kube.ok("PUT", path, {**scale, "spec": {"replicas": 5}})["spec"] == {"replicas": 5}
    assert kube.refused("PUT", path, {**scale, "spec": {"replicas": 6}})[0] == 409
    assert kube.ok("GET", f"{WIDGETS}/x")["spec"]["replicas"] == 5


def test_collections_are_deleted_by_selector(kube: InMemoryKube) -> None:
    """What the selector does not match stays."""
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        body = widget(name)
        body["metadata"]["labels"] = {"l": label}
        kube.ok("POST", WIDGETS, body)
    deleted = kube.ok("DELETE", WIDGETS, labelSelector="l=x")
    assert [item["metadata"]["name"] for item in deleted["items"]] == ["a", "b"]
    assert [item["metadata"]["name"] for item in kube.ok("GET", WIDGETS)["items"]] == ["c"]


@pytest.mark.parametrize(
    ("body", "query"),
    [([], {}), ({}, {"propagationPolicy": "Bogus"}), ({}, {"gracePeriodSeconds": "x"})],
)
def test_bad_delete_options_are_refused(kube: InMemoryKube, body: Any, query: dict[str, str]) -> None:
    """And delete nothing."""
    kube.ok("POST", WIDGETS, widget("x"))
    assert kube.refused("DELETE", f"{WIDGETS}/x", body, **query)[0] == 400
    kube.ok("GET", f"{WIDGETS}/x")


def test_deleted_pods_are_shown_once_more(kube: InMemoryKube) -> None:
    """The answer to the delete of a pod is the pod."""
    pods = "/api/v1/namespaces/default/pods"
    kube.ok("POST", pods, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
    assert kube.ok("DELETE", f"{pods}/p", gracePeriodSeconds="0")["kind"] == "Pod"


def test_deprecated_versions_are_warned_of() -> None:
    """With every answer."""
    kube = InMemoryKube()
    crd = widget_crd()
    crd["spec"]["versions"][0] |= {"deprecated": True, "deprecationWarning": "use another"}
    kube.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
    assert kube.call("GET", WIDGETS).warnings == ["use another"]


def test_writer_is_named_by_its_agent(kube: InMemoryKube) -> None:
    """Without a fieldManager, the first word of the User-Agent."""
    made = kube.ok("POST", WIDGETS, widget("x"), headers={"user-agent": "tool/1.2 (linux)"})
    assert made["metadata"]["managedFields"][0]["manager"] == "tool"
    assert kube.ok("POST", WIDGETS, widget("y"))["metadata"]["managedFields"][0]["manager"] == "unknown"


def test_dry_runs_store_nothing(kube: InMemoryKube) -> None:
    """They answer as if they had."""
    assert kube.ok("POST", WIDGETS, widget("x"), dryRun="All")["metadata"]["uid"]
    assert kube.refused("GET", f"{WIDGETS}/x")[0] == 404
    kube.ok("POST", WIDGETS, widget("x"))
    assert (
        kube.ok("PATCH", f"{WIDGETS}/x", {"spec": {"size": 7}}, content=MERGE_PATCH, dryRun="All")["spec"]["size"] == 7
    )
    assert kube.ok("DELETE", f"{WIDGETS}/x", dryRun="All")["status"] == "Success"
    assert kube.ok("GET", f"{WIDGETS}/x")["spec"]["size"] == 1

from typing import Any

import pytest

from aegis_local.kube.objects import Object
from support.in_memory_kube import WIDGETS, InMemoryKube, widget, widget_crd, with_widgets

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACES = "/api/v1/namespaces"
CONFIG_MAPS = f"{NAMESPACES}/default/configmaps"
MERGE = "application/merge-patch+json"


@pytest.fixture
def kube() -> InMemoryKube:
    return with_widgets()


def owned(name: str, *owners: Object, blocking: bool = False) -> Object:
    references = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": blocking,
        }
        for owner in owners
    ]
    return {"metadata": {"name": name, "ownerReferences": references}}


def exists(kube: InMemoryKube, path: str) -> bool:
    return kube.call("GET", path).code == 200


def test_namespaces_are_furnished(kube: InMemoryKube) -> None:
    """With an account and the certificate to trust."""
    kube.ok("POST", NAMESPACES, {"metadata": {"name": "n"}})
    assert exists(kube, f"{NAMESPACES}/n/serviceaccounts/default")
    assert kube.ok("GET", f"{NAMESPACES}/n/configmaps/kube-root-ca.crt")["data"] == {"ca.crt": "a certificate"}


def test_a_namespace_goes_with_everything_in_it(kube: InMemoryKube) -> None:
    """And waits for what holds itself back."""
    kube.ok("POST", NAMESPACES, {"metadata": {"name": "n"}})
    held = widget("held")
    held["metadata"]["finalizers"] = ["a.b/c"]
    path = WIDGETS.replace("default", "n")
    kube.ok("POST", path, held)
    kube.ok("POST", path, widget("free"))
    assert kube.ok("DELETE", f"{NAMESPACES}/n")["status"]["phase"] == "Terminating"
    assert not exists(kube, f"{path}/free")
    assert exists(kube, f"{NAMESPACES}/n")
    assert kube.refused("POST", path, widget("late"))[0] == 403
    kube.ok("PATCH", f"{path}/held", {"metadata": {"finalizers": None}}, content=MERGE)
    assert not exists(kube, f"{NAMESPACES}/n")


def test_definitions_are_established(kube: InMemoryKube) -> None:
    """Their resources are served at once, and a changed schema holds at once."""
    crd = kube.ok("GET", f"{CRDS}/widgets.example.com")
    assert {condition["type"] for condition in crd["status"]["conditions"]} == {"NamesAccepted", "Established"}
    patch = {
        "spec": {
            "versions": widget_crd(
                required=["size", "colour"], properties={"size": {"type": "integer"}, "colour": {"type": "string"}}
            )["spec"]["versions"]
        }
    }
    kube.ok("PATCH", f"{CRDS}/widgets.example.com", patch, content=MERGE)
    assert kube.refused("POST", WIDGETS, widget("x"))[0] == 422


def test_a_definition_goes_with_its_objects(kube: InMemoryKube) -> None:
    """And its resources are no longer served."""
    held = widget("held")
    held["metadata"]["finalizers"] = ["a.b/c"]
    kube.ok("POST", WIDGETS, held)
    kube.ok("DELETE", f"{CRDS}/widgets.example.com")
    assert exists(kube, f"{CRDS}/widgets.example.com")
    kube.ok("PATCH", f"{WIDGETS}/held", {"metadata": {"finalizers": None}}, content=MERGE)
    assert not exists(kube, f"{CRDS}/widgets.example.com")
    assert not exists(kube, WIDGETS)
    assert kube.gone == [("example.com", "widgets")]


def test_dependents_go_with_their_owner(kube: InMemoryKube) -> None:
    """In the background, down the whole line."""
    owner = kube.ok("POST", WIDGETS, widget("a"))
    child = kube.ok("POST", CONFIG_MAPS, owned("b", owner))
    kube.ok("POST", CONFIG_MAPS, owned("c", {**child, "apiVersion": "v1", "kind": "ConfigMap"}))
    kube.ok("DELETE", f"{WIDGETS}/a")
    assert not exists(kube, f"{CONFIG_MAPS}/b")
    assert not exists(kube, f"{CONFIG_MAPS}/c")


def test_a_dependent_of_two_stays_until_the_last(kube: InMemoryKube) -> None:
    """It forgets the owner that went."""
    first, second = (kube.ok("POST", WIDGETS, widget(name)) for name in "ab")
    kube.ok("POST", CONFIG_MAPS, owned("c", first, second))
    kube.ok("DELETE", f"{WIDGETS}/a")
    left = kube.ok("GET", f"{CONFIG_MAPS}/c")["metadata"]["ownerReferences"]
    assert [reference["name"] for reference in left] == ["b"]
    kube.ok("DELETE", f"{WIDGETS}/b")
    assert not exists(kube, f"{CONFIG_MAPS}/c")


@pytest.mark.parametrize("change", [{"uid": "gone"}, {"kind": "Bogus"}, {"name": "none"}])
def test_a_dependent_of_nobody_goes(kube: InMemoryKube, change: Any) -> None:
    """Its owner never was, or was another one of that name."""
    owner = kube.ok("POST", WIDGETS, widget("a"))
    body = owned("b", owner)
    body["metadata"]["ownerReferences"][0] |= change
    kube.ok("POST", CONFIG_MAPS, body)
    assert not exists(kube, f"{CONFIG_MAPS}/b")


def test_orphans_stay_without_owner(kube: InMemoryKube) -> None:
    """When the deletion says so."""
    owner = kube.ok("POST", WIDGETS, widget("a"))
    kube.ok("POST", CONFIG_MAPS, owned("b", owner))
    kube.ok("DELETE", f"{WIDGETS}/a", propagationPolicy="Orphan")
    assert not exists(kube, f"{WIDGETS}/a")
    assert "ownerReferences" not in kube.ok("GET", f"{CONFIG_MAPS}/b")["metadata"]


def test_owner_in_the_foreground_goes_last(kube: InMemoryKube) -> None:
    """It waits for the dependents that block it."""
    owner = kube.ok("POST", WIDGETS, widget("a"))
    held = owned("b", owner, blocking=True)
    held["metadata"]["finalizers"] = ["a.b/c"]
    kube.ok("POST", CONFIG_MAPS, held)
    kube.ok("DELETE", f"{WIDGETS}/a", propagationPolicy="Foreground")
    assert kube.ok("GET", f"{CONFIG_MAPS}/b")["metadata"]["deletionTimestamp"]
    assert exists(kube, f"{WIDGETS}/a")
    kube.ok("PATCH", f"{CONFIG_MAPS}/b", {"metadata": {"finalizers": None}}, content=MERGE)
    assert not exists(kube, f"{WIDGETS}/a")


def test_owner_in_the_foreground_does_not_wait_for_others(kube: InMemoryKube) -> None:
    """A dependent that does not block it is only deleted."""
    owner = kube.ok("POST", WIDGETS, widget("a"))
    held = owned("b", owner)
    held["metadata"]["finalizers"] = ["a.b/c"]
    kube.ok("POST", CONFIG_MAPS, held)
    kube.ok("DELETE", f"{WIDGETS}/a", propagationPolicy="Foreground")
    assert not exists(kube, f"{WIDGETS}/a")

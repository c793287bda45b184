import pytest

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.kinds import Registry, builtin_kinds
from aegis_local.kube.table_columns import COMPUTED
from support.in_memory_kube import widget_crd


def test_kinds_are_found_by_path_and_by_reference() -> None:
    """By group, version and plural, or by apiVersion and kind."""
    registry = Registry()
    pods = registry.find("", "v1", "pods")
    assert pods is not None
    assert registry.of_object("v1", "Pod") is pods
    assert registry.find("", "v2", "pods") is None
    assert registry.of_object("v1", "Bogus") is None
    assert (pods.api_version, pods.qualified, pods.collection, pods.list_kind) == (
        "v1",
        "pods",
        ("", "pods"),
        "PodList",
    )
    roles = registry.of_object("rbac.authorization.k8s.io/v1", "Role")
    assert roles is not None
    assert roles.qualified == "roles.rbac.authorization.k8s.io"


def test_custom_kinds_come_and_go() -> None:
    """A definition's kinds replace its former ones, and never a built-in kind."""
    registry = Registry()
    before = len(registry.all())
    registry.replace("example.com", "widgets", kinds_of(widget_crd()))
    assert [kind.kind for kind in registry.of_collection(("example.com", "widgets"))] == ["Widget"]
    registry.replace("example.com", "widgets", [])
    registry.replace("", "pods", [])
    assert len(registry.all()) == before


def test_reviews_are_not_stored() -> None:
    """They can only be created."""
    by_name = {kind.kind: kind for kind in builtin_kinds()}
    assert not by_name["TokenReview"].stored
    assert by_name["Pod"].stored


@pytest.mark.parametrize("path", [column.path for kind in builtin_kinds() for column in kind.columns])
def test_each_column_can_be_computed(path: str) -> None:
    """It is a JSONPath or a function that exists."""
    assert path.startswith(".") or path in COMPUTED

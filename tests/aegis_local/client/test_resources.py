"""Where objects live, and what they say of themselves."""

from typing import Any

from aegis_local.client.resources import (
    NAMESPACES,
    PODS,
    Key,
    Resource,
    condition,
    controller_uid,
    is_true,
    key_of,
    owner_reference,
)


def test_paths() -> None:
    """Of collections, objects and subresources; of core kinds and others."""
    role = Resource("rbac.authorization.k8s.io/v1", "Role", "roles", True)
    assert PODS.path() == "/api/v1/pods"
    assert PODS.path("n") == "/api/v1/namespaces/n/pods"
    assert role.path("n", "a:b/c", "status").endswith("v1/namespaces/n/roles/a:b%2Fc/status")
    assert NAMESPACES.path("", "n") == "/api/v1/namespaces/n"
    assert NAMESPACES.path("ignored", "n") == "/api/v1/namespaces/n"


def test_keys() -> None:
    """Shown as kubectl shows them."""
    assert str(key_of({"metadata": {"name": "a", "namespace": "b"}})) == "b/a"
    assert str(Key("", "a")) == "a"


def test_conditions() -> None:
    """One that is absent does not hold."""
    obj: dict[str, Any] = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert is_true(obj, "Ready")
    assert not is_true(obj, "Other")
    assert condition({}, "Ready") is None


def test_owners() -> None:
    """The controller among the owners is the one that counts."""
    owner = {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "uid": "u"}}
    owned = {"metadata": {"ownerReferences": [{"uid": "x"}, owner_reference(owner)]}}
    assert controller_uid(owned) == "u"
    assert controller_uid({"metadata": {}}) is None

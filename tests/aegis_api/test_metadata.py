"""The part of metadata that the mesh uses."""

from typing import Any

import pytest

from aegis_api.metadata import Metadata, read_metadata
from aegis_api.reading import Node, ParseError


def read(document: object, namespaced: bool = True, default_namespace: str = "") -> Metadata:
    return read_metadata(Node(document, "metadata"), namespaced, default_namespace)


def test_everything_that_kubernetes_gives() -> None:
    """What the mesh uses is read, what Kubernetes adds is passed over."""
    document: dict[str, Any] = {
        "name": "a",
        "namespace": "shop",
        "uid": "u",
        "generation": 4,
        "resourceVersion": "9",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["f"],
        "annotations": {"k": "v"},
        "labels": {"l": "v"},
        "managedFields": [],
    }
    assert read(document) == Metadata("a", "shop", "u", 4, "9", True, ("f",), {"k": "v"})


def test_a_file_needs_a_name_only() -> None:
    """An object of a file takes the namespace it is given; a cluster-scoped one has none."""
    assert read({"name": "a"}, default_namespace="shop") == Metadata("a", "shop")
    assert read({"name": "a"}, namespaced=False, default_namespace="shop") == Metadata("a")


@pytest.mark.parametrize(
    ("document", "namespaced", "text"),
    [
        ({"name": "a"}, True, "metadata: got an object, wanted metadata with a namespace"),
        ({"name": "a", "namespace": "shop"}, False, 'metadata.namespace: got "shop", wanted no namespace'),
        ({"name": "a", "namespace": "Shop"}, True, 'metadata.namespace: got "Shop", wanted a namespace name'),
        ({"namespace": "shop"}, True, "metadata: got no name"),
        ({"name": "a", "namespace": "shop", "generation": -1}, True, "metadata.generation: got -1"),
    ],
)
def test_refusals(document: object, namespaced: bool, text: str) -> None:
    """Metadata that does not say who an object is, is refused."""
    with pytest.raises(ParseError) as error:
        read(document, namespaced)
    assert text in str(error.value)

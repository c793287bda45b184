"""Objects of the tests' own kind, `widgets.tests.example` (tests/integration/api/widgets.yaml)."""

from typing import Any

from support.kube_client import Object, path_of

API_VERSION = "tests.example/v1"


def widget(name: str, **spec: Any) -> Object:
    """A Widget of size 1, unless said otherwise."""
    return {"apiVersion": API_VERSION, "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1} | spec}


def widgets_in(namespace: str, name: str | None = None, subresource: str | None = None) -> str:
    """The path of the collection, or of one."""
    return path_of(API_VERSION, "widgets", name, namespace, subresource)

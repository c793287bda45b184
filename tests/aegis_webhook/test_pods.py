"""The parts of a pod."""

import pytest

from aegis_api.reading import Node, ParseError
from aegis_webhook.pods import annotations_of, at, containers, is_knative, labels_of, objects_at
from support.admission import Object, pod


def test_containers_of_all_lists_with_their_paths() -> None:
    """Init, app and ephemeral containers are containers."""
    document = pod(initContainers=[{"name": "a"}], ephemeralContainers=[{"name": "b"}])
    assert [(found.path, found.name) for found in containers(document)] == [
        ("spec.initContainers[0]", "a"),
        ("spec.containers[0]", "app"),
        ("spec.ephemeralContainers[0]", "b"),
    ]
    assert [found.name for found in containers(document, "containers")] == ["app"]
    assert next(containers(document, "containers")).fields is document["spec"]["containers"][0]


def test_members_of_members() -> None:
    """A way that ends early leads nowhere; one through something else is refused."""
    node = Node({"a": {"b": 1}})
    found = at(node, "a", "b")
    assert found
    assert (found.value, found.path) == (1, "a.b")
    assert at(node, "x", "b") is None
    with pytest.raises(ParseError, match=r"a.b: got 1, wanted an object"):
        at(node, "a", "b", "c")
    with pytest.raises(ParseError, match="wanted an object"):
        list(objects_at(Node({"a": [1]}), "a"))


@pytest.mark.parametrize(("names", "knative"), [(["app"], False), (["user-container", "queue-proxy"], True)])
def test_knative_pods_have_a_queue_proxy(names: list[str], knative: bool) -> None:
    """Knative's own container gives a revision away."""
    document: Object = pod(containers=[{"name": name} for name in names])
    assert is_knative(document) == knative


def test_labels_and_annotations_are_strings() -> None:
    """Absent ones are none."""
    assert annotations_of({}) == labels_of({"metadata": {}}) == {}
    with pytest.raises(ParseError, match=r"metadata.labels.a: got 1, wanted a string"):
        labels_of({"metadata": {"labels": {"a": 1}}})

"""Lists: what they hold, in which order, from which moment, and page by page."""

import pytest

from support.kube_client import KubeClient
from support.widgets import API_VERSION, widget, widgets_in


@pytest.fixture
def three(client: KubeClient, namespace: str) -> str:
    """A namespace with the widgets c, a and b, of which a and b carry a label."""
    for name, labels in (("c", {}), ("a", {"l": "x"}), ("b", {"l": "y"})):
        body = widget(name)
        body["metadata"]["labels"] = labels
        client.create(widgets_in(namespace), body).ok()
    return namespace


def names(client: KubeClient, namespace: str, **params: str | int) -> list[str]:
    """The names that a list returns."""
    return [item["metadata"]["name"] for item in client.get(widgets_in(namespace), **params).ok()["items"]]


def test_list_is_typed_versioned_and_sorted(client: KubeClient, three: str) -> None:
    """A list has a kind and a resourceVersion, and its items are in order of their names."""
    listed = client.get(widgets_in(three)).ok()
    assert (listed["kind"], listed["apiVersion"]) == ("WidgetList", API_VERSION)
    assert int(listed["metadata"]["resourceVersion"]) >= max(
        int(item["metadata"]["resourceVersion"]) for item in listed["items"]
    )
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b", "c"]


def test_empty_list_is_no_error(client: KubeClient, namespace: str) -> None:
    """Nothing there is an empty list, with a resourceVersion to watch from; so is a namespace that is not there."""
    for path in (widgets_in(namespace), widgets_in("no-such-namespace")):
        listed = client.get(path).ok()
        assert listed["items"] == []
        assert int(listed["metadata"]["resourceVersion"]) > 0


def test_list_over_all_namespaces(client: KubeClient, three: str) -> None:
    """The path without a namespace holds those of all."""
    items = client.get("/apis/tests.example/v1/widgets").ok()["items"]
    assert {"a", "b", "c"} <= {item["metadata"]["name"] for item in items if item["metadata"]["namespace"] == three}


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("l=x", ["a"]),
        ("l==x", ["a"]),
        ("l!=x", ["b", "c"]),
        ("l", ["a", "b"]),
        ("!l", ["c"]),
        ("l in (x,y)", ["a", "b"]),
        ("l notin (x)", ["b", "c"]),
        ("l,l!=y", ["a"]),
        ("l=", []),
    ],
)
def test_label_selectors(client: KubeClient, three: str, selector: str, found: list[str]) -> None:
    """All operators of label selectors."""
    assert names(client, three, labelSelector=selector) == found


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("metadata.name=a", ["a"]),
        ("metadata.name!=a", ["b", "c"]),
        ("metadata.name=nothing", []),
        ("metadata.name=a,metadata.name!=a", []),
    ],
)
def test_field_selector_by_name(client: KubeClient, three: str, selector: str, found: list[str]) -> None:
    """metadata.name can be selected on, which is how a proxy reads its one object."""
    assert names(client, three, fieldSelector=selector) == found


@pytest.mark.parametrize("param", ["labelSelector", "fieldSelector"])
def test_bad_selector_is_refused(client: KubeClient, namespace: str, param: str) -> None:
    """A selector that does not parse is 400."""
    answer = client.get(widgets_in(namespace), **{param: "a in (b" if param == "labelSelector" else "spec.size=1"})
    assert (answer.status, answer.reason) == (400, "BadRequest")


def test_pages_hold_the_state_of_the_first(client: KubeClient, three: str) -> None:
    """`limit` and `continue` walk through one consistent list, whatever is written meanwhile."""
    first = client.get(widgets_in(three), limit=2).ok()
    assert [item["metadata"]["name"] for item in first["items"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 1
    client.create(widgets_in(three), widget("d")).ok()
    rest = client.get(widgets_in(three), limit=2, **{"continue": first["metadata"]["continue"]}).ok()
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c"]
    assert not rest["metadata"].get("continue")
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_list_from_any_version_is_answered(client: KubeClient, three: str) -> None:
    """resourceVersion 0 takes what is there; one from the future is refused as a timeout to be tried again."""
    assert names(client, three, resourceVersion="0") == ["a", "b", "c"]
    future = client.get(widgets_in(three), resourceVersion="999999999")
    assert (future.status, future.reason) == (504, "Timeout")
    assert "Too large resource version" in future.message


def test_table_is_what_kubectl_shows(client: KubeClient, three: str) -> None:
    """A client that accepts tables gets the printer columns."""
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    table = client.call("GET", widgets_in(three), accept=accept).ok()
    assert table["kind"] == "Table"
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size", "Ready", "Age"]
    assert [row["cells"][:3] for row in table["rows"]] == [["a", 1, None], ["b", 1, None], ["c", 1, None]]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"

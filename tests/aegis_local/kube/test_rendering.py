from typing import Any

import pytest

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.errors import ApiError
from aegis_local.kube.kinds import builtin_kinds
from aegis_local.kube.reading import Page
from aegis_local.kube.rendering import Form, form_of, many, one, watched
from aegis_local.kube.requests import Query
from support.in_memory_kube import widget_crd

WIDGET = kinds_of(widget_crd())[0]
OBJECT = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "x", "resourceVersion": "5"}}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "shape"),
    [
        ("", ""),
        ("*/*", ""),
        ("application/json", ""),
        ("application/vnd.kubernetes.protobuf,application/json", ""),
        (f"{TABLE},application/json", "Table"),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", ""),
        (PARTIAL, "PartialObjectMetadata"),
    ],
)
def test_the_first_form_that_can_be_served_is_chosen(accept: str, shape: str) -> None:
    """As the Accept header lists them."""
    assert form_of(accept, Query({})).shape == shape


def test_nothing_acceptable_is_refused() -> None:
    """406 with what there is."""
    with pytest.raises(ApiError, match="only the following media types") as refusal:
        form_of("text/html", Query({}))
    assert refusal.value.code == 406


def test_one_object() -> None:
    """Itself, a table of one row, or its metadata."""
    table = one(Form("Table"), WIDGET, OBJECT, 0)
    assert (table["kind"], table["metadata"], len(table["rows"])) == ("Table", {"resourceVersion": "5"}, 1)
    assert one(Form("Table"), WIDGET, {**OBJECT, "metadata": {}}, 0)["metadata"] == {}
    assert one(Form(), WIDGET, OBJECT, 0) is OBJECT
    assert one(Form("PartialObjectMetadata"), WIDGET, OBJECT, 0)["kind"] == "PartialObjectMetadata"


def test_lists() -> None:
    """Items of built-in kinds do not repeat what they are; custom ones do."""
    page = Page([OBJECT], 9, "token", 3)
    assert many(Form(), WIDGET, page, 0) == {
        "kind": "WidgetList",
        "apiVersion": "example.com/v1",
        "metadata": {"resourceVersion": "9", "continue": "token", "remainingItemCount": 3},
        "items": [OBJECT],
    }
    pods = next(kind for kind in builtin_kinds() if kind.kind == "Pod")
    assert many(Form(), pods, page, 0)["items"] == [{"metadata": OBJECT["metadata"]}]
    assert many(Form("Table"), WIDGET, page, 0)["kind"] == "Table"
    assert many(Form("PartialObjectMetadataList"), WIDGET, page, 0)["kind"] == "PartialObjectMetadataList"


def test_watched_tables_name_their_columns_once() -> None:
    """Later events carry rows only."""
    render: Any = watched(Form("Table"), WIDGET, lambda: 0.0)
    assert [bool(render(OBJECT)["columnDefinitions"]) for _ in range(2)] == [True, False]
    assert watched(Form(), WIDGET, lambda: 0.0)(OBJECT) is OBJECT
    assert watched(Form("PartialObjectMetadata"), WIDGET, lambda: 0.0)(OBJECT)["kind"] == "PartialObjectMetadata"

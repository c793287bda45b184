"""Which form of an object the client wants: itself, a Table, or only its metadata. Pure."""

from collections.abc import Callable

from attrs import frozen

from aegis_local.kube.errors import not_acceptable
from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, group_version
from aegis_local.kube.reading import Page
from aegis_local.kube.requests import Query
from aegis_local.kube.tables import columns_of, partial, row, table

_META = "meta.k8s.io"


@frozen
class Form:
    """What to render: `shape` is Table, PartialObjectMetadata(List), or empty for the object itself."""

    shape: str = ""
    include: str = "Metadata"
    content_type: str = "application/json"


def form_of(accept: str, query: Query) -> Form:
    """The first media type of an Accept header that can be served. Raises ApiError (406) if there is none."""
    for item in accept.split(",") if accept else ["*/*"]:
        media, *parameters = (part.strip() for part in item.split(";"))
        pairs = dict(parameter.partition("=")[::2] for parameter in parameters)
        shape = pairs.get("as", "")
        if media not in ("application/json", "*/*", "application/*"):
            continue
        if not shape:
            return Form()
        if (pairs.get("g"), pairs.get("v")) == (_META, "v1") and shape in _SHAPES:
            return Form(shape, query.text("includeObject") or "Metadata", f"application/json;as={shape};v=v1;g={_META}")
    raise not_acceptable(
        "application/json, application/json;as=Table;v=v1;g=meta.k8s.io, "
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    )


_SHAPES = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


def one(form: Form, kind: Kind, obj: Object, now: float) -> Object:
    """The answer that holds one object."""
    if form.shape == "Table":
        meta = {"resourceVersion": obj["metadata"]["resourceVersion"]} if obj["metadata"].get("resourceVersion") else {}
        return table(kind, [obj], now, form.include, meta)
    return partial(obj) if form.shape else obj


def many(form: Form, kind: Kind, page: Page, now: float) -> Object:
    """The answer that holds a list."""
    if form.shape == "Table":
        return table(kind, page.objects, now, form.include, page.list_metadata())
    if form.shape:
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": group_version(_META, "v1"),
            "metadata": page.list_metadata(),
            "items": [partial(obj) for obj in page.objects],
        }
    return {
        "kind": kind.list_kind,
        "apiVersion": kind.api_version,
        "metadata": page.list_metadata(),
        "items": [_bare(obj) if kind.builtin else obj for obj in page.objects],
    }


def _bare(obj: Object) -> Object:
    """The items of a built-in kind's list do not repeat what they are."""
    return {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}


def watched(form: Form, kind: Kind, clock: Callable[[], float]) -> Callable[[Object], Object]:
    """How a watch renders its objects; of Tables, only the first names the columns."""
    if form.shape == "Table":
        first = [True]

        def as_table(obj: Object) -> Object:
            columns = columns_of(kind) if first else []
            first.clear()
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            rows = [row(kind, obj, clock(), form.include)]
            return {
                "kind": "Table",
                "apiVersion": f"{_META}/v1",
                "metadata": meta,
                "columnDefinitions": columns,
                "rows": rows,
            }

        return as_table
    return partial if form.shape else lambda obj: obj

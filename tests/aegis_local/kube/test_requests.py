import pytest

from aegis_local.kube.errors import ApiError
from aegis_local.kube.requests import Query, ResourceRequest, parse_resource_request


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/api/v1/pods", {}, ("list", "", "v1", "pods", "", "", "")),
        ("GET", "/api/v1/pods", {"watch": ("true",)}, ("watch", "", "v1", "pods", "", "", "")),
        ("GET", "/api/v1/pods", {"watch": ("0",)}, ("list", "", "v1", "pods", "", "", "")),
        ("GET", "/api/v1/namespaces/a/pods/x", {}, ("get", "", "v1", "pods", "", "a", "x")),
        ("HEAD", "/api/v1/namespaces/a/pods/x", {}, ("get", "", "v1", "pods", "", "a", "x")),
        ("PUT", "/api/v1/namespaces/a/pods/x/status", {}, ("update", "", "v1", "pods", "status", "a", "x")),
        ("GET", "/api/v1/namespaces/a", {}, ("get", "", "v1", "namespaces", "", "a", "a")),
        ("PUT", "/api/v1/namespaces/a/finalize", {}, ("update", "", "v1", "namespaces", "finalize", "a", "a")),
        ("POST", "/apis/e.com/v1/namespaces/a/widgets", {}, ("create", "e.com", "v1", "widgets", "", "a", "")),
        ("PATCH", "/apis/e.com/v1/widgets/x", {}, ("patch", "e.com", "v1", "widgets", "", "", "x")),
        ("DELETE", "/apis/e.com/v1/widgets", {}, ("deletecollection", "e.com", "v1", "widgets", "", "", "")),
        ("DELETE", "/apis/e.com/v1/widgets/x", {}, ("delete", "e.com", "v1", "widgets", "", "", "x")),
        (
            "GET",
            "/apis/e.com/v1/widgets",
            {"fieldSelector": ("metadata.name=x",)},
            ("list", "e.com", "v1", "widgets", "", "", "x"),
        ),
        ("OPTIONS", "/api/v1/pods", {}, ("options", "", "v1", "pods", "", "", "")),
    ],
)
def test_verbs_and_resources(
    method: str, path: str, query: dict[str, tuple[str, ...]], expected: tuple[str, ...]
) -> None:
    """As Kubernetes reads method, path and query."""
    assert parse_resource_request(method, path, Query(query)) == ResourceRequest(*expected)  # type: ignore[arg-type]  # seven texts


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/version", "/api/v1/namespaces/a/pods/x/y/z"]
)
def test_other_paths_name_no_resource(path: str) -> None:
    """Discovery, health and nonsense."""
    assert parse_resource_request("GET", path, Query({})) is None


def test_subresources_are_described_with_their_resource() -> None:
    """As RBAC rules name them."""
    assert ResourceRequest("get", "", "v1", "pods", "status").described == "pods/status"
    assert ResourceRequest("get", "", "v1", "pods").described == "pods"


def test_query_values() -> None:
    """The first value counts; numbers and dryRun are checked."""
    query = Query({"a": ("1", "2"), "n": ("-5",), "bad": ("x",), "dryRun": ("All",)})
    assert (query.text("a"), query.text("z"), query.number("n"), query.number("z")) == ("1", "", -5, None)
    assert query.dry_run
    assert not Query({}).dry_run
    with pytest.raises(ApiError, match="must be a whole number"):
        query.number("bad")
    with pytest.raises(ApiError, match="dryRun"):
        _ = Query({"dryRun": ("Some",)}).dry_run

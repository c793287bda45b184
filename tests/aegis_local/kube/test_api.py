from typing import Any

import pytest

from aegis_local.kube.handlers import Answer
from aegis_local.kube.watching import Watch
from support.in_memory_kube import WIDGETS, InMemoryKube, widget, with_widgets

RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def kube() -> InMemoryKube:
    return with_widgets()


def service_account(kube: InMemoryKube, name: str) -> str:
    """A new ServiceAccount in `default`, and its token."""
    kube.ok("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": name}})
    token: str = kube.ok("POST", f"/api/v1/namespaces/default/serviceaccounts/{name}/token", {})["status"]["token"]
    return token


def test_no_credentials_is_401(kube: InMemoryKube) -> None:
    """Whatever is asked, with a Status that says nothing more."""
    for path in ("/api/v1/pods", "/version", "/readyz", "/bogus"):
        assert kube.refused("GET", path, token="wrong") == (401, "Unauthorized")


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/livez/"])
def test_health(kube: InMemoryKube, path: str) -> None:
    """A server that answers is well."""
    answer = kube.call("GET", path)
    assert (answer.code, answer.body) == (200, b"ok")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/version", None),
        ("/api", "APIVersions"),
        ("/apis", "APIGroupList"),
        ("/api/v1", "APIResourceList"),
        ("/apis/apps", "APIGroup"),
        ("/apis/apps/v1", "APIResourceList"),
        ("/openapi/v3", None),
        ("/openapi/v3/apis/apps/v1", None),
        ("/.well-known/openid-configuration", None),
    ],
)
def test_documents(kube: InMemoryKube, path: str, kind: str | None) -> None:
    """Version, discovery, OpenAPI and the issuer's metadata."""
    assert kube.ok("GET", path).get("kind") == kind


def test_aggregated_discovery_is_negotiated(kube: InMemoryKube) -> None:
    """By the Accept header of kubectl."""
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    for path in ("/api", "/apis"):
        answer = kube.call("GET", path, headers={"accept": accept})
        assert answer.content_type == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def test_key_set_has_its_own_media_type(kube: InMemoryKube) -> None:
    """And is not served as anything else."""
    assert kube.refused("GET", "/openid/v1/jwks")[0] == 406
    answer = kube.call("GET", "/openid/v1/jwks", headers={"accept": "application/jwk-set+json"})
    assert answer.content_type == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=3600"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/bogus", 404),
        ("GET", "/apis/none.example", 404),
        ("GET", "/openapi/v2", 404),
        ("POST", "/version", 405),
        ("GET", "/apis/none.example/v1/things", 404),
        ("GET", "/api/v1/namespaces/default/pods/x/bogus", 404),
        ("GET", "/api/v1/namespaces/default/namespaces", 404),
        ("GET", f"{RBAC}/namespaces/default/clusterroles", 404),
        ("POST", "/api/v1/pods", 405),
        ("GET", "/api/v1/pods/x", 404),
        ("DELETE", "/api/v1/pods", 405),
        ("GET", "/apis/authentication.k8s.io/v1/tokenreviews", 405),
        ("OPTIONS", "/api/v1/pods", 405),
        ("DELETE", "/api/v1/namespaces/default/pods/x/status", 405),
        ("POST", "/api/v1/namespaces/default/pods/x/status", 405),
        ("POST", "/debug/bogus", 405),
    ],
)
def test_what_is_not_served(kube: InMemoryKube, method: str, path: str, code: int) -> None:
    """404 for what does not exist, 405 for what cannot be done."""
    assert kube.refused(method, path)[0] == code


def test_rights_decide(kube: InMemoryKube) -> None:
    """403 until a role is bound, then exactly what it says."""
    token = service_account(kube, "reader")
    refusal = kube.refused("GET", "/api/v1/namespaces/default/configmaps", token=token)
    assert refusal == (
        403,
        (
            'configmaps is forbidden: User "system:serviceaccount:default:reader" cannot list resource "configmaps" '
            'in API group "" in the namespace "default"'
        ),
    )
    rule = {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "verbs": ["get", "list", "watch"],
        "resourceNames": ["kube-root-ca.crt"],
    }
    kube.ok("POST", f"{RBAC}/namespaces/default/roles", {"metadata": {"name": "r"}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": "default"}
    binding = {"metadata": {"name": "b"}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": [subject]}
    kube.ok("POST", f"{RBAC}/namespaces/default/rolebindings", binding)
    path = "/api/v1/namespaces/default/configmaps"
    assert kube.ok("GET", f"{path}/kube-root-ca.crt", token=token)["data"]
    assert len(kube.ok("GET", path, token=token, fieldSelector="metadata.name=kube-root-ca.crt")["items"]) == 1
    assert isinstance(
        kube.ask("GET", path, token=token, watch="true", fieldSelector="metadata.name=kube-root-ca.crt"), Watch
    )
    for elsewhere in (f"{path}/other", path, "/api/v1/namespaces/kube-system/configmaps/kube-root-ca.crt"):
        assert kube.refused("GET", elsewhere, token=token)[0] == 403


def test_paths_are_authorised_too(kube: InMemoryKube) -> None:
    """Everyone who is known may discover; nobody else reads the debug paths."""
    token = service_account(kube, "anyone")
    assert kube.ok("GET", "/apis", token=token)
    assert kube.refused("POST", "/debug/faults", {}, token=token) == (
        403,
        'forbidden: User "system:serviceaccount:default:anyone" cannot post path "/debug/faults"',
    )


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"impersonate-user": "bob", "impersonate-group": "system:masters"}, "bob"),
        ({"impersonate-user": "system:serviceaccount:default:default"}, "system:serviceaccount:default:default"),
    ],
)
def test_the_administrator_may_impersonate(kube: InMemoryKube, headers: dict[str, str], name: str) -> None:
    """And is that user for this request."""
    review = kube.ok("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, headers=headers)
    assert review["status"]["userInfo"]["username"] == name


def test_nobody_else_may(kube: InMemoryKube) -> None:
    """Impersonation is a right."""
    token = service_account(kube, "pretender")
    code, message = kube.refused("GET", "/version", token=token, headers={"impersonate-user": "bob"})
    assert (code, message.partition(" is forbidden")[0]) == (403, 'users "bob"')


def test_faults_are_injected_by_name(kube: InMemoryKube) -> None:
    """Only known ones, and only where they are switched on."""
    kube.ok("POST", "/debug/faults", {"fault": "compact"})
    assert kube.refused("POST", "/debug/faults", {"fault": "bogus"})[0] == 404
    assert kube.refused("POST", "/debug/faults", [])[0] == 404
    assert kube.faults == ["compact", "bogus"]


@pytest.mark.parametrize(
    ("query", "seconds"), [({"timeoutSeconds": "5"}, 5.0), ({}, None), ({"timeoutSeconds": "0"}, None)]
)
def test_watches_have_a_deadline(kube: InMemoryKube, query: dict[str, str], seconds: float | None) -> None:
    """The client's, or half an hour to an hour."""
    watch = kube.ask("GET", WIDGETS, **{"watch": "true", **query})  # type: ignore[arg-type]  # query values only
    assert isinstance(watch, Watch)
    assert watch.timeout == seconds if seconds else 1800 <= watch.timeout <= 3600


def test_cluster_wide_lists_and_watches(kube: InMemoryKube) -> None:
    """Namespaced kinds can be listed over all namespaces."""
    kube.ok("POST", WIDGETS, widget("everywhere"))
    listed = kube.ok("GET", "/apis/example.com/v1/widgets")
    assert "everywhere" in {item["metadata"]["name"] for item in listed["items"]}
    watch: Any = kube.ask("GET", "/apis/example.com/v1/widgets", watch="true")
    assert watch.namespace == ""
    assert isinstance(kube.ask("GET", "/api/v1/namespaces", watch="true"), Watch)
    assert isinstance(kube.ask("GET", "/api/v1/namespaces"), Answer)

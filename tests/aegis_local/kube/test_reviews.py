from typing import Any

import jwt
import pytest

from support.in_memory_kube import NOW, URL, InMemoryKube

AUTHORIZATION = "/apis/authorization.k8s.io/v1"
AUTHENTICATION = "/apis/authentication.k8s.io/v1"
TOKEN = "/api/v1/namespaces/default/serviceaccounts/default/token"


@pytest.fixture(scope="module")
def kube() -> InMemoryKube:
    kube = InMemoryKube()
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    kube.ok("POST", "/api/v1/namespaces/default/pods", pod)
    kube.ok("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "other"}})
    kube.ok("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}})
    return kube


def claims_of(review: Any) -> Any:
    return jwt.decode(review["status"]["token"], options={"verify_signature": False})


def test_token_for_the_api(kube: InMemoryKube) -> None:
    """An hour, for this server, for this account."""
    review = kube.ok("POST", TOKEN, {})
    claims = claims_of(review)
    assert (claims["aud"], claims["iss"], claims["exp"] - claims["iat"]) == ([URL], URL, 3600)
    assert claims["sub"] == "system:serviceaccount:default:default"
    assert review["status"]["expirationTimestamp"] == "2027-01-15T09:00:00Z"
    user = kube.ok("POST", f"{AUTHENTICATION}/selfsubjectreviews", {}, token=review["status"]["token"])
    assert user["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"


def test_token_for_others(kube: InMemoryKube) -> None:
    """With the audience and the time that were asked for, bound to a pod."""
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p"}
    review = kube.ok(
        "POST", TOKEN, {"spec": {"audiences": ["vault"], "expirationSeconds": 600, "boundObjectRef": reference}}
    )
    claims = claims_of(review)
    assert (claims["aud"], claims["exp"] - NOW) == (["vault"], 600)
    assert claims["kubernetes.io"]["pod"]["name"] == "p"
    assert "warnafter" not in claims["kubernetes.io"]
    assert kube.refused("GET", "/version", token=review["status"]["token"])[0] == 401
    found = kube.ok(
        "POST", f"{AUTHENTICATION}/tokenreviews", {"spec": {"token": review["status"]["token"], "audiences": ["vault"]}}
    )
    assert found["status"]["audiences"] == ["vault"]
    assert found["status"]["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]


def test_a_pods_own_token_lives_longer_than_it_says(kube: InMemoryKube) -> None:
    """As Kubernetes does for old clients, with a time to warn after."""
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p"}
    review = kube.ok("POST", TOKEN, {"spec": {"expirationSeconds": 3607, "boundObjectRef": reference}})
    claims = claims_of(review)
    assert (claims["exp"] - NOW, claims["kubernetes.io"]["warnafter"]) == (365 * 24 * 3600, NOW + 3607)
    assert review["status"]["expirationTimestamp"] == "2027-01-15T09:00:07Z"


@pytest.mark.parametrize(
    ("path", "spec", "code"),
    [
        (TOKEN, {"expirationSeconds": 10}, 422),
        (TOKEN, {"expirationSeconds": 2**33}, 422),
        (TOKEN, {"boundObjectRef": {"apiVersion": "v1", "kind": "Node", "name": "n"}}, 400),
        (TOKEN, {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "none"}}, 404),
        (TOKEN, {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "other"}}, 409),
        (
            TOKEN.replace("serviceaccounts/default", "serviceaccounts/other"),
            {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "p"}},
            400,
        ),
        (TOKEN.replace("serviceaccounts/default", "serviceaccounts/none"), {}, 404),
    ],
)
def test_bad_token_requests_are_refused(kube: InMemoryKube, path: str, spec: Any, code: int) -> None:
    """Without a token."""
    assert kube.refused("POST", path, {"spec": spec})[0] == code


def test_a_token_can_be_bound_to_a_secret(kube: InMemoryKube) -> None:
    """As to a pod."""
    review = kube.ok("POST", TOKEN, {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "s"}}})
    assert claims_of(review)["kubernetes.io"]["secret"]["name"] == "s"


def test_bad_tokens_are_not_authenticated(kube: InMemoryKube) -> None:
    """The review says why, without the token."""
    status = kube.ok("POST", f"{AUTHENTICATION}/tokenreviews", {"spec": {"token": "a.b.c"}})["status"]
    assert "authenticated" not in status
    assert status["error"].startswith("[invalid bearer token")
    assert "a.b.c" not in status["error"]


@pytest.mark.parametrize(
    ("kind", "spec", "allowed"),
    [
        ("selfsubjectaccessreviews", {"resourceAttributes": {"verb": "get", "resource": "pods"}}, True),
        ("subjectaccessreviews", {"user": "x", "resourceAttributes": {"verb": "get", "resource": "pods"}}, False),
        (
            "subjectaccessreviews",
            {"groups": ["system:masters"], "nonResourceAttributes": {"verb": "get", "path": "/x"}},
            True,
        ),
        (
            "subjectaccessreviews",
            {
                "user": "x",
                "groups": ["system:authenticated"],
                "extra": {"k": ["v"]},
                "nonResourceAttributes": {"verb": "get", "path": "/api"},
            },
            True,
        ),
    ],
)
def test_access_reviews(kube: InMemoryKube, kind: str, spec: Any, allowed: bool) -> None:
    """Of oneself or another, for resources and paths."""
    assert kube.ok("POST", f"{AUTHORIZATION}/{kind}", {"spec": spec})["status"]["allowed"] is allowed


def test_local_access_review(kube: InMemoryKube) -> None:
    """In its namespace."""
    spec = {"user": "x", "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"}}
    path = f"{AUTHORIZATION}/namespaces/default/localsubjectaccessreviews"
    assert kube.ok("POST", path, {"spec": spec})["status"]["allowed"] is False


@pytest.mark.parametrize(
    "spec",
    [{}, {"user": "x"}, {"user": "x", "resourceAttributes": {"verb": "get"}, "nonResourceAttributes": {"path": "/"}}],
)
def test_bad_access_reviews_are_refused(kube: InMemoryKube, spec: Any) -> None:
    """Who and exactly one of what."""
    assert kube.refused("POST", f"{AUTHORIZATION}/subjectaccessreviews", {"spec": spec})[0] == 422


def test_rules_review(kube: InMemoryKube) -> None:
    """What `kubectl auth can-i --list` shows."""
    status = kube.ok("POST", f"{AUTHORIZATION}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})["status"]
    assert {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]} in status["resourceRules"]
    assert status["nonResourceRules"]
    assert not status["incomplete"]

"""ServiceAccount tokens: asked for by TokenRequest, validated by the published keys as any identity provider's are."""

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from support.api_server import ApiServer
from support.kube_client import KubeClient, Object, path_of
from support.waiting import eventually


@pytest.fixture
def account(client: KubeClient, namespace: str) -> str:
    """A ServiceAccount `id1` in the test's namespace."""
    client.create(path_of("v1", "serviceaccounts", namespace=namespace), {"metadata": {"name": "id1"}}).ok()
    return "id1"


@pytest.fixture
def pod(client: KubeClient, namespace: str, account: str) -> Iterator[Object]:
    """A pod of that account, which no node runs."""
    body = {
        "metadata": {"name": "p"},
        "spec": {"serviceAccountName": account, "containers": [{"name": "a", "image": "x"}]},
    }
    yield client.create(path_of("v1", "pods", namespace=namespace), body).ok()
    client.delete(path_of("v1", "pods", "p", namespace), {"gracePeriodSeconds": 0})


def ask(client: KubeClient, namespace: str, account: str, **spec: Any) -> Any:
    """The answer to a TokenRequest."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return client.create(path_of("v1", "serviceaccounts", account, namespace, "token"), body)


def verified(server: ApiServer, token: str, audience: str) -> dict[str, Any]:
    """The claims of a token that is good by the server's discovery document and its keys."""
    reader = server.client_of("default", "default")
    document = reader.get("/.well-known/openid-configuration").ok()
    assert document["issuer"] == server.issuer
    keys = reader.get(document["jwks_uri"].removeprefix(server.url)).ok()
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["RS256"], audience=audience, issuer=server.issuer, options={"require": ["exp", "sub"]}
    )
    return claims


def test_token_is_good_by_the_published_keys(api_server: ApiServer, namespace: str, account: str) -> None:
    """Discovery leads to the key that verifies a token; its claims say who, for whom and how long."""
    token = api_server.token(namespace, account, ["aegis"], seconds=900)
    claims = verified(api_server, token, "aegis")
    assert claims["sub"] == f"system:serviceaccount:{namespace}:{account}"
    assert claims["aud"] == ["aegis"]
    assert claims["exp"] - claims["iat"] == 900
    assert claims["nbf"] == claims["iat"]
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["jti"]
    assert claims["kubernetes.io"]["namespace"] == namespace
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == account
    assert jwt.get_unverified_header(token).keys() == {"alg", "kid"}


def test_discovery_says_how_to_verify(api_server: ApiServer) -> None:
    """The document names issuer, keys and algorithm; the keys are for signatures, and have an algorithm and a kid."""
    reader = api_server.client_of("default", "default")
    assert reader.get("/.well-known/openid-configuration").ok() == {
        "issuer": api_server.issuer,
        "jwks_uri": f"{api_server.url}/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    answer = reader.get("/openid/v1/jwks")
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    for key in answer.ok()["keys"]:
        assert key.keys() == {"use", "kty", "kid", "alg", "n", "e"}
        assert (key["use"], key["kty"], key["alg"]) == ("sig", "RSA", "RS256")


def test_key_set_is_served_as_a_key_set_only(api_server: ApiServer) -> None:
    """A client that accepts plain JSON alone gets 406: the keys have a media type of their own (RFC 7517)."""
    reader = api_server.client_of("default", "default")
    assert reader.call("GET", "/openid/v1/jwks", accept="application/json").status == 406
    assert reader.call("GET", "/openid/v1/jwks", accept="*/*").status == 200


def test_discovery_needs_a_caller(api_server: ApiServer) -> None:
    """The documents are for authenticated ServiceAccounts; without a token they are refused."""
    nobody = KubeClient.connect(api_server.url, api_server.ca_file)
    for path in ("/.well-known/openid-configuration", "/openid/v1/jwks"):
        assert nobody.get(path).status in (401, 403)


def test_answer_is_a_token_request(client: KubeClient, namespace: str, account: str) -> None:
    """The request comes back with its defaults and a status: the token and when it ends."""
    answer = ask(client, namespace, account, audiences=["a", "b"])
    assert answer.status == 201
    assert answer.body["kind"] == "TokenRequest"
    assert answer.body["spec"]["expirationSeconds"] == 3600
    assert answer.body["spec"]["audiences"] == ["a", "b"]
    assert answer.body["status"]["expirationTimestamp"].endswith("Z")
    claims = jwt.decode(answer.body["status"]["token"], options={"verify_signature": False})
    assert claims["aud"] == ["a", "b"]


@pytest.mark.parametrize(("seconds", "status"), [(599, 422), (600, 201), (1 << 33, 422)])
def test_lifetime_has_bounds(client: KubeClient, namespace: str, account: str, seconds: int, status: int) -> None:
    """A token lives for ten minutes at least, and for less than 2^32 seconds."""
    assert ask(client, namespace, account, expirationSeconds=seconds).status == status


def test_account_must_exist(client: KubeClient, namespace: str) -> None:
    """No token for a ServiceAccount that is not there."""
    answer = ask(client, namespace, "nobody")
    assert (answer.status, answer.reason) == (404, "NotFound")


def test_token_names_the_pod_it_is_bound_to(
    api_server: ApiServer, client: KubeClient, namespace: str, account: str, pod: Object
) -> None:
    """A token that is bound to a pod says so, and only a pod of that account can be named."""
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": pod["metadata"]["uid"]}
    bound = ask(client, namespace, account, audiences=["aegis"], boundObjectRef=reference).ok()
    claims = verified(api_server, bound["status"]["token"], "aegis")["kubernetes.io"]
    assert claims["pod"] == {"name": "p", "uid": pod["metadata"]["uid"]}
    wrong_uid = ask(client, namespace, account, boundObjectRef=reference | {"uid": "0"})
    assert (wrong_uid.status, wrong_uid.reason) == (409, "Conflict")
    missing = ask(client, namespace, account, boundObjectRef=reference | {"name": "q"})
    assert missing.status == 404


def test_token_of_another_audience_is_no_login(api_server: ApiServer, namespace: str, account: str) -> None:
    """A token for the mesh does not open the API, and one without audiences does."""
    mesh = KubeClient.connect(api_server.url, api_server.ca_file, token=api_server.token(namespace, account, ["aegis"]))
    assert mesh.get("/version").status == 401
    assert api_server.client_of(namespace, account).get("/version").status == 200


def test_altered_token_is_no_login(api_server: ApiServer, namespace: str, account: str) -> None:
    """A token whose signature does not fit is 401."""
    head, payload, signature = api_server.token(namespace, account).split(".")
    forged = f"{head}.{payload}.{'A' * len(signature)}"
    answer = KubeClient.connect(api_server.url, api_server.ca_file, token=forged).get("/version")
    assert (answer.status, answer.reason) == (401, "Unauthorized")


def test_token_dies_with_its_account(api_server: ApiServer, client: KubeClient, namespace: str, account: str) -> None:
    """A login with the token of a deleted ServiceAccount ends, also when one of the same name is made anew."""
    user = api_server.client_of(namespace, account)
    assert user.get("/version").status == 200
    client.delete(path_of("v1", "serviceaccounts", account, namespace)).ok()
    eventually(lambda: user.get("/version").status == 401)
    client.create(path_of("v1", "serviceaccounts", namespace=namespace), {"metadata": {"name": account}}).ok()
    assert user.get("/version").status == 401


def test_token_can_be_reviewed(api_server: ApiServer, client: KubeClient, namespace: str, account: str) -> None:
    """A TokenReview says who a token is, for the audiences that were asked about."""
    token = api_server.token(namespace, account, ["aegis"])
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    good = client.create(path, {"spec": {"token": token, "audiences": ["aegis"]}}).ok()["status"]
    assert good["authenticated"] is True
    assert good["user"]["username"] == f"system:serviceaccount:{namespace}:{account}"
    assert good["audiences"] == ["aegis"]
    bad = client.create(path, {"spec": {"token": token, "audiences": ["other"]}}).ok()["status"]
    assert not bad.get("authenticated")

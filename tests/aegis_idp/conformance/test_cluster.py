"""A cluster as an issuer."""

import json
from typing import Any

import jwt
import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance import Cluster

ORDERS = Subject("shop", "orders")
DISCOVERY = "/.well-known/openid-configuration"


def test_discovery_is_for_pods() -> None:
    """As at kube-apiserver: 401 without a ServiceAccount token, or with one for somebody else."""
    with Cluster() as cluster:
        document = run(cluster.http().request("GET", cluster.issuer + DISCOVERY, as_pod=True)).good_answer("x")
        assert document["issuer"] == cluster.issuer
        assert document["jwks_uri"] == cluster.jwks_uri
        assert run(BlockingHttp().request("GET", cluster.issuer + DISCOVERY)).status == 401
        headers = {"authorization": f"Bearer {cluster.token(ORDERS, 'aegis').reveal()}"}
        assert run(BlockingHttp().request("GET", cluster.jwks_uri, headers=headers)).status == 401


def test_a_public_cluster_answers_everybody() -> None:
    """As with a public issuer; what is not there is 404."""
    with Cluster(public=True) as cluster:
        assert run(BlockingHttp().request("GET", cluster.jwks_uri)).good_answer("x") == cluster.keys.key_set()
        assert run(BlockingHttp().request("GET", f"{cluster.issuer}/apis")).status == 404


def test_tokens_are_given_to_pods_that_may_ask() -> None:
    """Of the ServiceAccount, for the audience and time that were asked for; 403 to all others."""
    spec = {"audiences": ["a"], "expirationSeconds": 600}
    body = json.dumps({"kind": "TokenRequest", "spec": spec}).encode()
    with Cluster(public=True, gives_tokens=True) as cluster:
        url = f"{cluster.issuer}/api/v1/namespaces/shop/serviceaccounts/orders/token"
        answer: Any = run(cluster.http().request("POST", url, body=body, as_pod=True)).good_answer("x")
        claims = jwt.decode(answer["status"]["token"], options={"verify_signature": False})
        assert (claims["sub"], claims["aud"], claims["exp"] - claims["iat"]) == (str(ORDERS), ["a"], 600)
        assert run(BlockingHttp().request("POST", url, body=body)).status == 403
        cluster.gives_tokens = False
        assert run(cluster.http().request("POST", url, body=body, as_pod=True)).status == 403


def test_a_cluster_can_be_gone() -> None:
    """To everybody, for a while."""
    with Cluster(public=True) as cluster:
        for gone, status in ((True, 503), (False, 200)):
            cluster.gone = gone
            assert run(BlockingHttp().request("GET", cluster.jwks_uri)).status == status


@pytest.mark.parametrize(("rotations", "algorithm"), [(0, "ES256"), (1, "ES256"), (0, "RS256")])
def test_a_token_is_a_projected_one(rotations: int, algorithm: str) -> None:
    """Claims as kube-apiserver makes them, signed by the newest published key."""
    cluster = Cluster(algorithm=algorithm)
    with cluster:
        for _ in range(rotations):
            cluster.keys.rotate()
        token = cluster.token(ORDERS, "aegis", 600).reveal()
        key = jwt.PyJWKSet.from_dict(cluster.keys.key_set())[jwt.get_unverified_header(token)["kid"]].key
        claims = jwt.decode(token, key, algorithms=[algorithm], audience="aegis", issuer=cluster.issuer)
        assert claims["sub"] == "system:serviceaccount:shop:orders"
        assert claims["aud"] == ["aegis"]
        assert claims["exp"] - claims["iat"] == 600
        assert claims["kubernetes.io"]["namespace"] == "shop"
        assert run(cluster.http().request("GET", cluster.jwks_uri, as_pod=True)).status == 200

"""A ServiceAccount's own token, asked of the cluster."""

import json

import jwt
import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp_aws.cognito.service_accounts import token_of
from support.cognito_pool import PoolTenancy

ORDERS = Subject("shop", "orders")


def test_it_is_good_at_the_pool_alone(tenancy: PoolTenancy) -> None:
    """For ten minutes, the least there is; the pod's credentials go to the API server."""
    tap = Tapped(tenancy.provider().http)
    token = run(token_of(ORDERS, tap)).reveal()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["aud"]) == (str(ORDERS), ["cognito-identity.amazonaws.com"])
    assert claims["exp"] - claims["iat"] == 600
    (sent,) = tap.sent
    assert sent.as_pod
    assert sent.url == f"{tenancy.cluster.issuer}/api/v1/namespaces/shop/serviceaccounts/orders/token"
    assert json.loads(sent.body)["kind"] == "TokenRequest"


def test_a_missing_right_is_said(tenancy: PoolTenancy) -> None:
    """Which it is, and on whom."""
    tenancy.cluster.gives_tokens = False
    said = r"token of system:serviceaccount:shop:orders .*status 403.*create its serviceaccounts/token"
    with pytest.raises(Refused, match=said):
        run(token_of(ORDERS, tenancy.provider().http))


def test_outside_of_a_cluster_there_is_none() -> None:
    """Nobody is asked."""
    with pytest.raises(Misconfigured, match="outside of a cluster"):
        run(token_of(ORDERS, BlockingHttp()))


@pytest.mark.parametrize("body", [b"{}", b'{"status": 5}', b'{"status": {}}', b'{"status": {"token": ""}}'])
def test_an_answer_without_a_token_is_none(tenancy: PoolTenancy, body: bytes) -> None:
    """Unavailable, not a KeyError."""
    with pytest.raises(Unavailable, match="holds no token"):
        run(token_of(ORDERS, Tapped(tenancy.provider().http, 0, lambda _: Response(201, {}, body))))

"""The OpenID Connect server of the tests refuses what a real one refuses."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import urlencode

import jwt
import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance import Cluster
from aegis_idp.http import Response, post_form
from support.oidc_server import ASSERTION_TYPE, BEARER_GRANT, Client, OidcServer, TrustedIssuer

ORDERS = Subject("shop", "orders")
CLIENTS = (
    Client("secretive", secret="s3cret", scopes=frozenset({"aud:aegis", "read"})),
    Client("federated", federated_subject=str(ORDERS)),
)
SECRET = {"grant_type": "client_credentials", "client_id": "secretive", "client_secret": "s3cret"}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(public=True) as cluster:
        yield cluster


@pytest.fixture
def server(cluster: Cluster) -> Iterator[OidcServer]:
    with OidcServer(CLIENTS, trusted=TrustedIssuer(cluster.issuer, cluster.jwks_uri)) as server:
        yield server


def _ask(server: OidcServer, form: dict[str, str], **headers: str) -> Response:
    return run(post_form(BlockingHttp(), f"{server.issuer}/token", form, headers))


def _assertion(server: OidcServer, cluster: Cluster, subject: Subject = ORDERS) -> dict[str, str]:
    token = cluster.token(subject, server.issuer).reveal()
    return {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": token}


def _error(response: Response) -> tuple[int, str]:
    return response.status, json.loads(response.body)["error"]


@pytest.mark.parametrize("parameter", [{"audience": "aegis"}, {"resource": "aegis"}, {"scope": "read aud:aegis"}])
def test_a_token_is_for_the_audience_that_was_asked_for(server: OidcServer, parameter: dict[str, str]) -> None:
    """By either parameter, or by a scope; it verifies with the published key."""
    answer = json.loads(_ask(server, {**SECRET, **parameter}).body)
    published = json.loads(run(BlockingHttp().request("GET", f"{server.issuer}/jwks")).body)
    (key,) = jwt.PyJWKSet.from_dict(published).keys
    claims = jwt.decode(answer["access_token"], key.key, algorithms=["ES256"], audience="aegis", issuer=server.issuer)
    assert (claims["sub"], claims["azp"]) == ("secretive", "secretive")


def test_a_bearer_grant_is_for_the_assertions_subject(server: OidcServer, cluster: Cluster) -> None:
    """The ServiceAccount itself, without a client."""
    form = {"grant_type": BEARER_GRANT, "assertion": cluster.token(ORDERS, server.issuer).reveal(), "audience": "aegis"}
    token = json.loads(_ask(server, form).body)["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == str(ORDERS)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({}, (400, "unsupported_grant_type")),
        ({"grant_type": "client_credentials", "audience": "aegis"}, (400, "invalid_client")),
        ({**SECRET, "client_secret": "wrong"}, (401, "invalid_client")),
        ({**SECRET, "client_id": "federated"}, (401, "invalid_client")),
        ({**SECRET, "client_assertion": "x"}, (400, "invalid_request")),
        ({"grant_type": "client_credentials", "client_assertion": "x"}, (401, "invalid_client")),
        ({"grant_type": BEARER_GRANT, "assertion": "x"}, (401, "invalid_grant")),
        (SECRET, (400, "invalid_target")),
        ({**SECRET, "audience": "other"}, (400, "invalid_target")),
        ({**SECRET, "scope": "admin"}, (400, "invalid_scope")),
    ],
    ids=lambda value: urlencode(value) if isinstance(value, dict) else None,
)
def test_bad_requests_are_refused(server: OidcServer, form: dict[str, str], error: tuple[int, str]) -> None:
    """With the error codes of RFC 6749 section 5.2 and RFC 8707 section 2."""
    assert _error(_ask(server, form)) == error


@pytest.mark.parametrize(
    "header", ["Basic !", "Basic " + base64.b64encode(b"secretive").decode(), "Bearer x", "Basic c2VjcmV0aXZlOng="]
)
def test_bad_headers_are_refused(server: OidcServer, header: str) -> None:
    """No base64, no colon, another scheme, another secret."""
    form = {"grant_type": "client_credentials", "audience": "aegis"}
    assert _error(_ask(server, form, authorization=header)) == (401, "invalid_client")


def test_bad_assertions_are_refused(server: OidcServer, cluster: Cluster) -> None:
    """Another audience, expired, another issuer's key, an unknown subject, another client's name."""
    good = {**_assertion(server, cluster), "audience": "aegis"}
    assert _ask(server, good).status == 200
    with Cluster(public=True) as stranger:
        bad = [
            {**good, "client_assertion": cluster.token(ORDERS, "other").reveal()},
            {**good, "client_assertion": cluster.token(ORDERS, server.issuer, -5).reveal()},
            {**good, "client_assertion": stranger.token(ORDERS, server.issuer).reveal()},
            {**good, "client_assertion": cluster.token(Subject("bank", "orders"), server.issuer).reveal()},
            {**good, "client_id": "secretive"},
        ]
        assert {_error(_ask(server, form)) for form in bad} == {(401, "invalid_client")}


def test_a_server_without_trust_takes_no_assertion(cluster: Cluster) -> None:
    """Nobody's assertions are good by default; nor is there anything at other paths."""
    with OidcServer(CLIENTS) as server:
        assert _error(_ask(server, _assertion(server, cluster))) == (401, "invalid_client")
        assert run(BlockingHttp().request("GET", f"{server.issuer}/other")).status == 404

"""The exchange, and the ID token."""

import json
from urllib.parse import parse_qs

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.mounts import Mounts
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import ProjectedToken
from aegis_idp_gcp.tokens import EMAIL, id_token
from support.google_project import Mesh

ORDERS = Subject("shop", "orders")


def test_a_pod_needs_the_token_of_the_pool(mesh: Mesh) -> None:
    """Also for an audience per destination: Google takes any."""
    provider = mesh.provider()
    audience = f"https://iam.googleapis.com/{mesh.project.pool_provider}"
    assert provider.needs(ORDERS).tokens == provider.needs(ORDERS, ("a.b.svc",)).tokens == (ProjectedToken(audience),)


def test_a_subject_that_no_pool_can_map_is_refused_at_admission(mesh: Mesh) -> None:
    """127 characters are the most."""
    fits = Subject("n" * 40, "a" * (127 - len("system:serviceaccount:") - 41))
    assert mesh.provider().needs(fits).tokens
    with pytest.raises(Misconfigured, match=r"longer than the 127 characters of a google\.subject"):
        mesh.provider().needs(Subject(fits.namespace, fits.name + "a"))


def test_two_requests_get_a_token(mesh: Mesh) -> None:
    """The exchange, then the ID token with the address in it."""
    provider = mesh.provider()
    email = provider.make_known(ORDERS).metadata[EMAIL]
    mounts, tap = provider.mounts(ORDERS), Tapped(provider.http)
    run(id_token(provider.settings, mounts.request("stock.shop.svc"), tap))
    exchange, issue = tap.sent
    (shown,) = mounts.tokens.values()
    assert {name: value for name, (value,) in parse_qs(exchange.body.decode()).items()} == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{mesh.project.pool_provider}",
        "scope": "https://www.googleapis.com/auth/iam",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "subject_token": shown.reveal(),
    }
    assert issue.url.endswith(f"/v1/projects/-/serviceAccounts/{email}:generateIdToken")
    assert json.loads(issue.body) == {"audience": "stock.shop.svc", "includeEmail": True}
    assert shown.reveal() not in issue.headers["authorization"]


def test_an_identity_that_is_not_made_yet_says_so(mesh: Mesh) -> None:
    """And what to look at."""
    provider = mesh.provider()
    with pytest.raises(Misconfigured, match=r"no service account of system:serviceaccount:shop:orders is known"):
        run(id_token(provider.settings, Mounts(ORDERS, {}, {}).request("a"), provider.http))


def test_a_new_binding_spreads(mesh: Mesh) -> None:
    """Until then the answer is "later", not "no"; then it works."""
    provider = mesh.provider()
    provider.make_known(ORDERS)
    (account,) = mesh.project.accounts.values()
    mesh.google.propagation.delay = 2
    account.bound = mesh.google.propagation.birth()
    request = provider.mounts(ORDERS).request("aegis")
    with pytest.raises(Unavailable, match=r"PERMISSION_DENIED.*needs roles/iam\.workloadIdentityUser on aegis-"):
        run(id_token(provider.settings, request, provider.http))
    assert run(id_token(provider.settings, request, provider.http)).reveal()


def test_a_pool_that_trusts_another_issuer_is_named(mesh: Mesh) -> None:
    """The error says what its provider has to have."""
    provider = mesh.provider()
    provider.make_known(ORDERS)
    mesh.project.issuer = "https://another-cluster"
    with pytest.raises(Refused, match=r"invalid_grant.*does projects/.*have the cluster's issuer"):
        run(id_token(provider.settings, provider.mounts(ORDERS).request("aegis"), provider.http))


def test_an_exchange_without_a_token_is_no_answer(mesh: Mesh) -> None:
    """It comes from a box in between."""
    provider = mesh.provider()
    provider.make_known(ORDERS)
    odd = Tapped(provider.http, 0, lambda _: Response(200, {}, b'{"access_token": 5}'))
    with pytest.raises(Unavailable, match="holds no access_token"):
        run(id_token(provider.settings, provider.mounts(ORDERS).request("aegis"), odd))

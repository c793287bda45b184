"""Requests to the IAM API."""

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import HOST
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.errors import Refused, Unavailable
from aegis_idp.values import Secret
from aegis_idp_gcp.credentials import iam_token
from aegis_idp_gcp.iam import Iam
from support.google_project import Mesh

EMAIL = "aegis-one@aegis-mesh.iam.gserviceaccount.com"


def iam_of(mesh: Mesh, token: Secret | None = None) -> Iam:
    provider = mesh.provider()
    signed_in = token or iam_token(provider.settings, provider.request(Subject("shop", "orders")))
    return Iam(mesh.google.url, mesh.project.id, mesh.project.member(str(HOST)), provider.http, signed_in)


def test_accounts_come_and_go(mesh: Mesh) -> None:
    """Absence is no error."""
    iam = iam_of(mesh)
    assert run(iam.account(EMAIL)) is None
    made = run(iam.create("aegis-one", {"description": "d"}))
    run(iam.patch(EMAIL, {"displayName": "n"}, "displayName"))
    assert run(iam.account(EMAIL)) == {**made, "displayName": "n"}
    policy = run(iam.policy(EMAIL))
    run(iam.set_policy(EMAIL, {**policy, "bindings": []}))
    with pytest.raises(Refused, match="concurrent policy changes") as caught:
        run(iam.set_policy(EMAIL, {**policy, "bindings": []}))
    assert caught.value.code == "ABORTED"
    assert [run(iam.delete(EMAIL)), run(iam.delete(EMAIL))] == [True, False]


def test_a_missing_permission_is_named(mesh: Mesh) -> None:
    """It is an administrator who grants it."""
    mesh.project.permissions.clear()
    with pytest.raises(Refused, match=r"iam\.serviceAccounts\.get.*the custom role of docs/providers/gcp\.md"):
        run(iam_of(mesh).account(EMAIL))


def test_a_token_that_is_no_good_is_refused_and_kept(mesh: Mesh) -> None:
    """Its bytes are in no text."""
    token = Secret("bm90LWEtdG9rZW4tb2Ytb3Vycw")
    with pytest.raises(Refused, match="UNAUTHENTICATED") as caught:
        run(iam_of(mesh, token).policy(EMAIL))
    assert_keeps((token,), caught.value)


def test_throttling_passes(mesh: Mesh) -> None:
    """After the time that Google asks for."""
    iam = iam_of(mesh)
    mesh.google.faults.throttle(retry_after=9)
    with pytest.raises(Unavailable) as caught:
        run(iam.account(EMAIL))
    assert caught.value.retry_after == 9

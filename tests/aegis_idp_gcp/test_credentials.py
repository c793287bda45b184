"""The reconcile function's own sign-in, by the real google-auth."""

import sys
from typing import Any

import pytest
from attrs import evolve

from aegis_api.names import Subject
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.errors import Misconfigured, ProviderError, Refused, Unavailable
from aegis_idp.values import ProvisionRequest
from aegis_idp_gcp.credentials import iam_token
from aegis_idp_gcp.settings import GcpSettings
from support.google_project import Mesh


def asked(mesh: Mesh, **changes: Any) -> tuple[GcpSettings, ProvisionRequest]:
    provider = mesh.provider(**changes)
    return provider.settings, provider.request(Subject("shop", "orders"))


def test_the_functions_own_token_is_exchanged(mesh: Mesh) -> None:
    """In one request, without a stored secret and without a service account in between."""
    assert iam_token(*asked(mesh)).reveal()
    assert [request.path for request in mesh.google.requests] == ["/v1/token"]


def test_a_refusal_says_what_to_do_and_keeps_the_token(mesh: Mesh) -> None:
    """Neither the text nor an error behind it shows what was sent."""
    settings, request = asked(mesh)
    expired = mesh.cluster.token(Subject("aegis-system", "aegis-reconcile"), settings.shown_audience, -60)
    with pytest.raises(Refused, match=r"invalid_grant.*have the cluster's issuer and keys") as caught:
        iam_token(settings, evolve(request, host_token=lambda _: expired))
    assert_keeps((expired,), caught.value)


@pytest.mark.parametrize("trouble", ["throttle", "fail", "hang_up"])
def test_trouble_passes(mesh: Mesh, trouble: str) -> None:
    """The host tries again."""
    getattr(mesh.google.faults, trouble)(times=9)
    with pytest.raises(Unavailable):
        iam_token(*asked(mesh))


def test_without_the_sdk_it_is_said(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """And which extra has it."""
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(Misconfigured, match=r"install aegis-idp-gcp\[provision\]"):
        iam_token(*asked(mesh))


def test_an_address_that_cannot_work_is_an_error_of_ours(mesh: Mesh) -> None:
    """Whatever the SDK makes of it."""
    with pytest.raises(ProviderError):
        iam_token(*asked(mesh, sts="https://127.0.0.1:1"))

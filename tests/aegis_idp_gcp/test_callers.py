"""Whose tokens are good. What the proxy makes of whole tokens is in test_ingress."""

import pytest

from aegis_api.names import Subject
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import KeySetUrl, Principal
from aegis_idp_gcp.callers import caller, trust_of
from aegis_idp_gcp.settings import GcpSettings

POOL = "projects/123/locations/global/workloadIdentityPools/aegis/providers/cluster"
EMAIL = "orders@aegis-mesh.iam.gserviceaccount.com"
GOOD: dict[str, object] = {"sub": "1", "azp": "1", "email": EMAIL, "email_verified": True}
SETTINGS = GcpSettings("aegis-mesh", POOL)


def test_trust_is_google() -> None:
    """One issuer and one key set for the whole world."""
    trust = trust_of(SETTINGS)
    assert trust.issuer == "https://accounts.google.com"
    assert trust.key_set == KeySetUrl("https://www.googleapis.com/oauth2/v3/certs")
    assert (trust.algorithms, trust.types) == (frozenset({"RS256"}), frozenset())


def test_the_caller_is_the_service_account() -> None:
    """By its address in the settings, or by its number."""
    assert caller(SETTINGS, GOOD) == Principal("1")
    named = GcpSettings("aegis-mesh", POOL, service_accounts={"shop/orders": EMAIL})
    assert caller(named, GOOD) == Subject("shop", "orders")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"email_verified": False}, "email_verified is not true"),
        ({"email_verified": "true"}, "email_verified is not true"),
        ({"email_verified": 1}, "email_verified is not true"),
        ({"email": "orders@evil-mesh.iam.gserviceaccount.com"}, "of another project than aegis-mesh"),
        ({"email": EMAIL + ".evil.example"}, "of another project"),
        ({"email": "somebody@gmail.com"}, "of another project"),
        ({"email": 5}, "email is no text"),
        ({"sub": ""}, "sub is no text"),
        ({"azp": "2"}, "azp is another's than sub"),
    ],
)
def test_refusals(change: dict[str, object], said: str) -> None:
    """Each claim that decides is refused with its name."""
    with pytest.raises(ClaimRefused, match=said):
        caller(SETTINGS, {**GOOD, **change})

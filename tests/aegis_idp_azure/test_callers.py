"""Whose tokens are good. What the proxy makes of whole tokens is in test_ingress."""

import pytest

from aegis_api.names import Subject
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import KeySetUrl, Principal
from aegis_idp_azure.callers import caller, trust_of
from aegis_idp_azure.settings import AzureSettings

TENANT, CLIENT = "5a6b7c8d-0000-4000-8000-00000000000a", "11111111-2222-4333-8444-55555555555f"
GOOD: dict[str, object] = {"tid": TENANT, "ver": "2.0", "azp": CLIENT}


def test_trust_is_said_without_a_question() -> None:
    """Everything follows from the tenant."""
    trust = trust_of(AzureSettings(TENANT))
    assert trust.issuer == f"https://login.microsoftonline.com/{TENANT}/v2.0"
    assert trust.key_set == KeySetUrl(f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys")
    assert (trust.algorithms, trust.types) == (frozenset({"RS256"}), frozenset())


def test_the_caller_is_the_application() -> None:
    """By settings, or by its id; idtyp is looked at where it is present."""
    settings = AzureSettings(TENANT.upper())
    assert caller(settings, GOOD) == Principal(CLIENT)
    assert caller(settings, {**GOOD, "azp": CLIENT.upper(), "idtyp": "app"}) == Principal(CLIENT)
    named = AzureSettings(TENANT, client_ids={"shop/orders": CLIENT.upper()})
    assert caller(named, GOOD) == Subject("shop", "orders")
    old = AzureSettings(TENANT, version="1.0")
    assert caller(old, {"tid": TENANT, "ver": "1.0", "appid": CLIENT}) == Principal(CLIENT)


@pytest.mark.parametrize("roles", [[], "admin", ["a", "b"], [5], None, {"a": 1}], ids=str)
def test_j30_roles_say_nothing_of_who_somebody_is(roles: object) -> None:
    """Whatever they are: the caller is the application."""
    assert caller(AzureSettings(TENANT), {**GOOD, "roles": roles}) == Principal(CLIENT)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({**GOOD, "tid": CLIENT}, "tid is another tenant's"),
        ({"ver": "2.0", "azp": CLIENT}, "tid is absent"),
        ({**GOOD, "ver": "1.0"}, "ver is not 2.0"),
        ({**GOOD, "idtyp": "user"}, "idtyp is not app"),
        ({**GOOD, "idtyp": None}, "idtyp is not app"),
        ({**GOOD, "scp": ""}, "a person is signed in"),
        ({"tid": TENANT, "ver": "2.0", "appid": CLIENT}, "azp is absent"),
        ({**GOOD, "azp": "orders"}, "azp is no client id"),
    ],
)
def test_refusals(claims: dict[str, object], said: str) -> None:
    """Each claim that decides is refused with its name."""
    with pytest.raises(ClaimRefused, match=said):
        caller(AzureSettings(TENANT), claims)

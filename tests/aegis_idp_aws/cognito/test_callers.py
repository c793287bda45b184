"""Whose tokens are good. What the proxy makes of whole tokens is in test_ingress."""

import pytest

from aegis_api.names import Subject
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import KeySetUrl, Principal
from aegis_idp_aws.cognito.callers import caller, principal, trust_of
from aegis_idp_aws.cognito.pool import Pool, pool_of
from aegis_idp_aws.cognito.settings import CognitoSettings
from aegis_idp_aws.settings import AwsSettings

ACCOUNT, ISSUER = "111122223333", "https://cognito-identity.amazonaws.com"
POOL, IDENTITY = "eu-west-1:0a1b2c3d-0000-4000-8000-000000000000", "eu-west-1:9f8e7d6c-0000-4000-8000-000000000000"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example/id/1"
LOGIN = f"{PROVIDER}:OIDC:system:serviceaccount:shop:orders"
GOOD: dict[str, object] = {"aud": POOL, "sub": IDENTITY, "amr": ["authenticated", "oidc.example/id/1", LOGIN]}


def pool(provision_as: str | None = None) -> Pool:
    cognito = CognitoSettings(POOL, PROVIDER)
    found = pool_of(AwsSettings(ACCOUNT, ISSUER, "eu-west-1", cognito, provision_as=provision_as))
    assert found is not None
    return found


def test_trust_is_said_without_a_question() -> None:
    """One algorithm, the type that Cognito writes, and ten minutes."""
    trust = trust_of(pool())
    assert (trust.issuer, trust.key_set) == (ISSUER, KeySetUrl(f"{ISSUER}/.well-known/jwks_uri"))
    assert trust.algorithms == {"RS512"}
    assert trust.types == {"jws"}
    assert trust.max_lifetime == 600


def test_the_caller_is_who_signed_in() -> None:
    """By name; or, where the reconcile function makes identities, as it saw them."""
    orders = Subject("shop", "orders")
    made = pool(f"arn:aws:iam::{ACCOUNT}:role/aegis-reconcile")
    for audience in (POOL, [POOL]):
        assert caller(pool(), {**GOOD, "aud": audience}) == orders
        assert caller(made, {**GOOD, "aud": audience}) == Principal(f"{IDENTITY} {orders}")
    assert principal(IDENTITY, orders) == f"{IDENTITY} {orders}"


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"aud": "eu-west-1:1"}, "aud is not the identity pool"),
        ({"aud": [POOL, "x"]}, "aud is not the identity pool"),
        ({"aud": None}, "aud is not the identity pool"),
        ({"sub": None}, "sub is no text"),
        ({"amr": None}, "somebody signed in"),
        ({"amr": LOGIN}, "somebody signed in"),
        ({"amr": ["unauthenticated"]}, "somebody signed in"),
        ({"amr": ["authenticated", 5, {}, []]}, f"names 0 logins by {PROVIDER}"),
        ({"amr": ["authenticated", LOGIN, LOGIN + "x"]}, "names 2 logins"),
        ({"amr": ["authenticated", LOGIN.removesuffix(":orders")]}, "NAMESPACE:NAME"),
    ],
)
def test_refusals(claims: dict[str, object], said: str) -> None:
    """Each claim that decides is refused with its name."""
    with pytest.raises(ClaimRefused, match=said):
        caller(pool(), {**GOOD, **claims})

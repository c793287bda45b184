"""Whose tokens are good. What the proxy makes of whole tokens is in test_ingress."""

import pytest

from aegis_api.names import Subject
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import KeySetUrl, Principal
from aegis_idp_aws.callers import caller, trust_of
from aegis_idp_aws.settings import AwsSettings

ACCOUNT, ISSUER = "111122223333", "https://0a1b2c3d.tokens.sts.global.api.aws"
ARN = f"arn:aws:iam::{ACCOUNT}:role/aegis/c/shop-orders-0123456789"
AWS = "https://sts.amazonaws.com/"
GOOD: dict[str, object] = {"sub": ARN, AWS: {"aws_account": ACCOUNT}}
SETTINGS = AwsSettings(ACCOUNT, ISSUER, "eu-west-1")


def test_trust_is_said_without_a_question() -> None:
    """Both algorithms are good, so that one can be changed for the other; no token lives longer than an hour."""
    trust = trust_of(SETTINGS)
    assert (trust.issuer, trust.key_set) == (ISSUER, KeySetUrl(f"{ISSUER}/.well-known/jwks.json"))
    assert trust.algorithms == {"RS256", "ES384"}
    assert (trust.types, trust.max_lifetime) == (frozenset(), 3600)


def test_the_caller_is_the_role() -> None:
    """By settings, or by its ARN; what a caller says of itself in tags is not looked at."""
    tagged = {**GOOD, AWS: {"aws_account": ACCOUNT, "request_tags": {"aegis:subject": "system:serviceaccount:a:b"}}}
    assert caller(SETTINGS, GOOD) == caller(SETTINGS, tagged) == Principal(ARN)
    named = AwsSettings(ACCOUNT, ISSUER, "eu-west-1", role_arns={"shop/orders": ARN})
    assert caller(named, GOOD) == Subject("shop", "orders")


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"sub": ARN}, "sts.amazonaws.com/ is absent"),
        ({**GOOD, AWS: [ACCOUNT]}, "is no object"),
        ({**GOOD, AWS: {}}, "aws_account is absent"),
        ({**GOOD, AWS: {"aws_account": int(ACCOUNT)}}, "aws_account is no text"),
        ({**GOOD, AWS: {"aws_account": "999999999999"}}, "another account"),
        ({**GOOD, "aws_account": ACCOUNT, AWS: {"x": 1}}, "aws_account is absent"),
        ({AWS: {"aws_account": ACCOUNT}}, "sub is absent"),
        ({**GOOD, "sub": ARN.replace(ACCOUNT, "999999999999")}, "no role of the account"),
        ({**GOOD, "sub": f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"}, "no role of the account"),
        ({**GOOD, "sub": "system:serviceaccount:shop:orders"}, "no role of the account"),
    ],
)
def test_refusals(claims: dict[str, object], said: str) -> None:
    """Each claim that decides is refused with its name."""
    with pytest.raises(ClaimRefused, match=said):
        caller(SETTINGS, claims)

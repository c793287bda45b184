"""Tokens that a pool is shown. That a good one is good, boto3 shows in test_cognito."""

from collections.abc import Callable, Iterator

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance.signing import SigningKey
from aegis_idp_fakes.aws.logins import Login, read_logins
from aegis_idp_fakes.server import Refusal
from support.cognito_pool import PoolTenancy, cognito_pool

ORDERS, AUDIENCE = Subject("shop", "orders"), "cognito-identity.amazonaws.com"


@pytest.fixture
def tenancy() -> Iterator[PoolTenancy]:
    with cognito_pool() as tenancy:
        yield tenancy


def said(tenancy: PoolTenancy, token: str, name: str | None = None) -> str:
    try:
        read_logins(tenancy.account, tenancy.pool, {name or tenancy.login: token})
    except Refusal as refusal:
        return refusal.answer.body.decode()
    return "good"


def test_a_good_token_is_a_login(tenancy: PoolTenancy) -> None:
    """With what `amr` says of it; clocks may be five minutes apart."""
    for seconds in (600, -30):
        token = tenancy.token(ORDERS, seconds=seconds)
        (login,) = read_logins(tenancy.account, tenancy.pool, {tenancy.login: token})
        assert login == Login(tenancy.login, tenancy.oidc_provider, str(ORDERS))
        assert login.methods == (tenancy.login, f"{tenancy.oidc_provider}:OIDC:{ORDERS}")


def resigned(tenancy: PoolTenancy, **claims: object) -> str:
    return str(tenancy.cluster.keys.current.sign({**tenancy.cluster.claims(ORDERS, AUDIENCE), **claims}))


def by_a_stranger(tenancy: PoolTenancy) -> str:
    key = SigningKey.make("RS256")
    return key.sign(tenancy.cluster.claims(ORDERS, AUDIENCE), kid=tenancy.cluster.keys.current.kid)


def by_another_algorithm(tenancy: PoolTenancy) -> str:
    return SigningKey.make("ES256").sign(tenancy.cluster.claims(ORDERS, AUDIENCE))


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (lambda tenancy: tenancy.token(ORDERS, seconds=-400), "Token expired"),
        (lambda tenancy: tenancy.token(ORDERS, "sts.example"), "Incorrect token audience"),
        (lambda tenancy: resigned(tenancy, azp="stranger"), "Incorrect token audience"),
        (lambda tenancy: resigned(tenancy, iss="https://other.example"), "Issuer doesn't match"),
        (by_a_stranger, "no key of its issuer"),
        (by_another_algorithm, "algorithm is not supported"),
        (lambda _: "bm90.YQ.dG9rZW4", "no signed JWT"),
    ],
)
def test_bad_tokens_are_none(tenancy: PoolTenancy, token: Callable[[PoolTenancy], str], text: str) -> None:
    """Each with Cognito's code, and its own words where they are known."""
    refusal = said(tenancy, token(tenancy))
    assert "NotAuthorizedException" in refusal
    assert text in refusal


def test_the_azp_counts_where_there_is_one(tenancy: PoolTenancy) -> None:
    """In place of `aud`."""
    assert said(tenancy, resigned(tenancy, azp=AUDIENCE, aud=["other"])) == "good"


def test_the_pool_and_the_account_have_to_know_the_provider(tenancy: PoolTenancy) -> None:
    """By the name of the login."""
    token = tenancy.token(ORDERS)
    assert "not from a supported provider" in said(tenancy, token, "other.example")
    tenancy.pool.providers.clear()
    assert "not from a supported provider" in said(tenancy, token)
    tenancy.account.providers.clear()
    assert "not from a supported provider" in said(tenancy, token)


def test_an_issuer_that_cannot_be_reached_is_said(tenancy: PoolTenancy) -> None:
    """Its keys are fetched for each token."""
    tenancy.cluster.gone = True
    assert "ExternalServiceException" in said(tenancy, tenancy.token(ORDERS))

"""What the proxy makes of tokens of AWS: its own code, the fake's keys."""

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from aegis_api.names import Subject
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.signing import SigningKey
from aegis_proxy.core.tokens import Reason, TokenRefused
from support.aws_account import Tenancy
from support.ingress_judge import authorities, claims_of, forgeries, judged, made, refusal, token_of
from support.ingress_suite import IngressSuite

ORDERS, SAME_NAME = Subject("shop", "orders"), Subject("bank", "orders")
AWS = "https://sts.amazonaws.com/"

Change = Callable[[dict[str, Any]], object]


def key_of(tenancy: Tenancy) -> SigningKey:
    return tenancy.account.keys["RS256"].current


def test_namesakes_of_two_namespaces_are_told_apart(tenancy: Tenancy) -> None:
    """By their roles; and one that the table does not name is nobody."""
    provider = tenancy.provider()
    table = made(provider, ORDERS, SAME_NAME)
    for subject in (ORDERS, SAME_NAME):
        assert judged(token_of(provider, subject), authorities(provider, table)) == subject
    only = {arn: subject for arn, subject in table.items() if subject == SAME_NAME}
    assert refusal(token_of(provider, ORDERS), provider, only) is Reason.NO_SUBJECT


def test_both_algorithms_of_the_issuer_are_good(tenancy: Tenancy) -> None:
    """So a mesh can go from one to the other without a gap."""
    before, after = tenancy.provider(), tenancy.provider(signingAlgorithm="ES384")
    made(before, ORDERS)
    old = token_of(before, ORDERS)
    table = made(after, ORDERS)
    new = token_of(after, ORDERS)
    assert [jwt.get_unverified_header(token)["alg"] for token in (old, new)] == ["RS256", "ES384"]
    for token in (old, new):
        assert judged(token, authorities(before, table)) == judged(token, authorities(after, table)) == ORDERS


@pytest.mark.attack("J46")
def test_another_accounts_token_is_refused(tenancy: Tenancy) -> None:
    """By its issuer; and were it signed with our account's key, by the account in its claims, each of the two."""
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    claims, key, other = claims_of(token_of(provider, ORDERS)), key_of(tenancy), tenancy.aws.account()
    assert refusal(key.sign({**claims, "iss": other.issuer}), provider, table) is Reason.UNKNOWN_ISSUER
    assert refusal(key.sign({**claims, AWS: {"aws_account": other.id}}), provider, table) is Reason.NO_SUBJECT
    elsewhere = claims["sub"].replace(tenancy.account.id, other.id)
    assert refusal(key.sign({**claims, "sub": elsewhere}), provider, table) is Reason.NO_SUBJECT
    strangers = other.keys["RS256"].current
    assert refusal(strangers.sign(claims), provider, table) is Reason.UNKNOWN_KEY
    assert refusal(strangers.sign(claims, kid=key.kid), provider, table) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda claims: claims.update(iat=1, exp=int(time.time()) - 60), Reason.EXPIRED),
        (lambda claims: claims.update(nbf=int(time.time()) + 600), Reason.NOT_YET_VALID),
        (lambda claims: claims.update(exp=int(time.time()) + 7200), Reason.LIFETIME_TOO_LONG),
        (lambda claims: claims.update(aud="aegis://other"), Reason.WRONG_AUDIENCE),
        (lambda claims: claims.pop("sub"), Reason.NO_SUBJECT),
        (lambda claims: claims.update(sub=[claims["sub"]]), Reason.BAD_CLAIM),
        (lambda claims: claims.update(sub=str(ORDERS)), Reason.NO_SUBJECT),
        (lambda claims: claims.update(sub=f"{claims['sub']}x"), Reason.NO_SUBJECT),
        (lambda claims: claims.pop(AWS), Reason.NO_SUBJECT),
        (lambda claims: claims.update({AWS: claims["sub"]}), Reason.NO_SUBJECT),
        (lambda claims: claims[AWS].update(aws_account=111122223333), Reason.NO_SUBJECT),
    ],
    ids=["expired", "early", "long", "audience", "no-sub", "list", "name", "other", "no-aws", "text", "number"],
)
@pytest.mark.attack("J46", "J36", "J37")
def test_a_signed_token_with_other_claims_is_refused(tenancy: Tenancy, change: Change, reason: Reason) -> None:
    """Whoever signed it."""
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    claims = claims_of(token_of(provider, ORDERS))
    change(claims)
    assert refusal(key_of(tenancy).sign(claims), provider, table) is reason


@pytest.mark.attack("J46")
def test_what_a_caller_says_of_itself_in_tags_is_not_asked(tenancy: Tenancy) -> None:
    """Its role may not set any; and where one may, it stays the role it is."""
    provider = tenancy.provider()
    table = made(provider, ORDERS, SAME_NAME)
    claims = claims_of(token_of(provider, ORDERS))
    claims[AWS] |= {"request_tags": {"aegis:subject": str(SAME_NAME)}, "principal_tags": {"x": str(SAME_NAME)}}
    assert judged(key_of(tenancy).sign(claims), authorities(provider, table)) == ORDERS


def test_a_forged_token_is_refused(tenancy: Tenancy) -> None:
    """Another algorithm, another key, no signature."""
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    known = authorities(provider, table)
    claims = claims_of(token_of(provider, ORDERS))
    assert judged(key_of(tenancy).sign(claims), known) == ORDERS
    for name, forged in forgeries(key_of(tenancy), claims).items():
        with pytest.raises(TokenRefused):
            pytest.fail(f"{name}: {judged(forged, known)}")


def test_a_new_key_counts_once_it_is_fetched(tenancy: Tenancy) -> None:
    """An unknown key id is refused until then."""
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    before = authorities(provider, table)
    tenancy.account.keys["RS256"].rotate()
    token = token_of(provider, ORDERS)
    with pytest.raises(TokenRefused) as caught:
        judged(token, before)
    assert caught.value.reason is Reason.UNKNOWN_KEY
    assert judged(token, authorities(provider, table)) == ORDERS


@pytest.mark.attack("J35")
def test_the_token_for_sts_is_none_for_the_mesh(tenancy: Tenancy) -> None:
    """The cluster's issuer is not the account's."""
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    shown = tenancy.cluster.token(ORDERS, "sts.amazonaws.com").reveal()
    assert refusal(shown, provider, table) is Reason.UNKNOWN_ISSUER


class TestIngress(IngressSuite):
    @pytest.fixture
    def provider(self, tenancy: Tenancy) -> ProviderUnderTest:
        return tenancy.provider()

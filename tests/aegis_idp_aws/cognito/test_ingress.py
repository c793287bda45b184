"""What the proxy makes of tokens of an identity pool: its own code, the fake's keys."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance import Cluster, ProviderUnderTest
from aegis_idp.conformance.signing import SigningKey
from aegis_proxy.core.tokens import Reason, TokenRefused
from support.cognito_pool import PoolTenancy
from support.ingress_judge import authorities, claims_of, forgeries, judged, made, refusal, token_of
from support.ingress_suite import IngressSuite

ORDERS, SAME_NAME = Subject("shop", "orders"), Subject("bank", "orders")

Change = Callable[[PoolTenancy, dict[str, Any]], object]


def key_of(tenancy: PoolTenancy) -> SigningKey:
    return tenancy.aws.cognito.keys.current


def signed(tenancy: PoolTenancy, claims: dict[str, Any]) -> str:
    return key_of(tenancy).sign(claims, typ="JWS")


def test_namesakes_of_two_namespaces_are_told_apart(tenancy: PoolTenancy) -> None:
    """By their identities; and one that the table does not name is nobody."""
    provider = tenancy.provider()
    table = made(provider, ORDERS, SAME_NAME)
    for subject in (ORDERS, SAME_NAME):
        assert judged(token_of(provider, subject), authorities(provider, table)) == subject
    only = {said: subject for said, subject in table.items() if subject == SAME_NAME}
    assert refusal(token_of(provider, ORDERS), provider, only) is Reason.NO_SUBJECT


def test_without_a_table_the_login_says_who_it_is(tenancy: PoolTenancy) -> None:
    """Where the pool makes identities as they come."""
    provider = tenancy.provider(provisioned=False)
    for subject in (ORDERS, SAME_NAME):
        assert judged(token_of(provider, subject), authorities(provider, {})) == subject


def logins(tenancy: PoolTenancy, subject: Subject | str = ORDERS) -> list[str]:
    return ["authenticated", tenancy.login, f"{tenancy.oidc_provider}:OIDC:{subject}"]


@pytest.mark.attack("J31")
@pytest.mark.parametrize("provisioned", [True, False], ids=["made", "as they come"])
@pytest.mark.parametrize(
    "methods",
    [
        lambda tenancy: [],
        lambda tenancy: None,
        lambda tenancy: logins(tenancy)[2],
        lambda tenancy: logins(tenancy)[1:],
        lambda tenancy: logins(tenancy)[:2],
        lambda tenancy: ["unauthenticated"],
        lambda tenancy: [*logins(tenancy)[:2], f"{tenancy.oidc_provider}x:OIDC:{ORDERS}"],
        lambda tenancy: [*logins(tenancy)[:2], f"x{tenancy.oidc_provider}:OIDC:{ORDERS}"],
        lambda tenancy: [*logins(tenancy)[:2], f"{tenancy.oidc_provider}/other:OIDC:{ORDERS}"],
        lambda tenancy: [m.replace(tenancy.account.id, "999999999999") for m in logins(tenancy)],
        lambda tenancy: [m.replace("arn:aws:", "arn:aws-cn:") for m in logins(tenancy)],
        lambda tenancy: [*logins(tenancy)[:2], tenancy.oidc_provider],
        lambda tenancy: [*logins(tenancy)[:2], f"{tenancy.oidc_provider}:OIDC:"],
        lambda tenancy: [*logins(tenancy)[:2], f"{tenancy.oidc_provider}:{ORDERS}"],
        lambda tenancy: logins(tenancy, f"{ORDERS}:x"),
        lambda tenancy: logins(tenancy, "orders"),
        lambda tenancy: [*logins(tenancy), *logins(tenancy, SAME_NAME)],
        lambda tenancy: [*logins(tenancy, "x"), *logins(tenancy)],
        lambda tenancy: ["authenticated", "aegis", f"aegis:{tenancy.pool.id}:{ORDERS}"],
    ],
    ids=[
        *("none", "null", "text", "not-authenticated", "no-arn", "unauthenticated", "longer-provider", "before"),
        *("path", "account", "partition", "short-arn", "empty", "no-kind", "longer-subject", "name"),
        *("two-subjects", "one-is-none", "developer"),
    ],
)
def test_only_the_login_of_this_cluster_counts(
    tenancy: PoolTenancy, methods: Callable[[PoolTenancy], object], provisioned: bool
) -> None:
    """Another provider's, another account's, a shortened or an ambiguous one is nobody's, whoever signed the token."""
    provider = tenancy.provider(provisioned=provisioned)
    table = made(provider, ORDERS, SAME_NAME) if provisioned else {}
    claims = claims_of(token_of(provider, ORDERS))
    assert judged(signed(tenancy, claims), authorities(provider, table)) == ORDERS
    reason = refusal(signed(tenancy, {**claims, "amr": methods(tenancy)}), provider, table)
    assert reason is Reason.NO_SUBJECT


@pytest.mark.attack("J31")
def test_a_login_of_another_provider_beside_ours_changes_nothing(tenancy: PoolTenancy) -> None:
    """Whichever comes first: who signs in with two logins has ours too."""
    provider = tenancy.provider()
    table = made(provider, ORDERS, SAME_NAME)
    claims, known = claims_of(token_of(provider, ORDERS)), authorities(provider, table)
    strange = f"arn:aws:iam::{tenancy.account.id}:oidc-provider/strange.example:OIDC:{SAME_NAME}"
    for methods in (["strange.example", strange, *claims["amr"]], [*claims["amr"], "strange.example", strange]):
        assert judged(signed(tenancy, {**claims, "amr": methods}), known) == ORDERS


@pytest.mark.attack("J31")
def test_a_login_that_was_linked_to_anothers_identity_is_not_the_other(tenancy: PoolTenancy) -> None:
    """Who may link logins in the pool can have an identity for his own pod, but not its name in the mesh."""
    provider = tenancy.provider()
    table = made(provider, ORDERS, SAME_NAME)
    claims = claims_of(token_of(provider, ORDERS))
    claims["amr"] = logins(tenancy, SAME_NAME)
    assert refusal(signed(tenancy, claims), provider, table) is Reason.NO_SUBJECT


def test_a_developers_token_is_nobodys(tenancy: PoolTenancy) -> None:
    """Who may ask for tokens by marks gets none that the mesh takes, whatever identity they are of."""
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    (mark,) = tenancy.made().marks
    claims = claims_of(token_of(provider, ORDERS))
    claims["amr"] = ["authenticated", "aegis", f"aegis:{tenancy.pool.id}:{mark}"]
    assert refusal(signed(tenancy, claims), provider, table) is Reason.NO_SUBJECT


@pytest.mark.attack("J31")
def test_another_pools_token_is_refused(tenancy: PoolTenancy) -> None:
    """All pools share their keys: another account's pool can let the same ServiceAccounts in, or anybody."""
    other = tenancy.aws.account()
    pool = other.pool(tenancy.aws.region, tenancy.cluster.issuer)
    other.providers[tenancy.cluster.issuer] = tenancy.account.providers[tenancy.cluster.issuer]
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    claims = claims_of(token_of(provider, ORDERS))
    assert refusal(signed(tenancy, {**claims, "aud": pool.id}), provider, table) is Reason.WRONG_AUDIENCE
    both = [tenancy.pool.id, pool.id]
    assert refusal(signed(tenancy, {**claims, "aud": both}), provider, table) is Reason.NO_SUBJECT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _, claims: claims.update(iat=1, exp=int(time.time()) - 60), Reason.EXPIRED),
        (lambda _, claims: claims.update(exp=int(time.time()) + 900), Reason.LIFETIME_TOO_LONG),
        (lambda _, claims: claims.update(aud="aegis"), Reason.WRONG_AUDIENCE),
        (lambda _, claims: claims.pop("sub"), Reason.NO_SUBJECT),
        (lambda _, claims: claims.update(sub=str(ORDERS)), Reason.NO_SUBJECT),
        (lambda _, claims: claims.update(sub=f"{claims['sub']}x"), Reason.NO_SUBJECT),
        (lambda tenancy, claims: claims.update(iss=tenancy.account.issuer), Reason.UNKNOWN_ISSUER),
        (lambda tenancy, claims: claims.update(iss=f"{claims['iss']}/"), Reason.UNKNOWN_ISSUER),
    ],
    ids=["expired", "long", "audience", "no-sub", "name", "other", "roles", "slash"],
)
def test_a_signed_token_with_other_claims_is_refused(tenancy: PoolTenancy, change: Change, reason: Reason) -> None:
    """Whoever signed it. A developer's token may live a day, and none of the mesh's is one."""
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    claims = claims_of(token_of(provider, ORDERS))
    change(tenancy, claims)
    assert refusal(signed(tenancy, claims), provider, table) is reason


def test_a_forged_token_is_refused(tenancy: PoolTenancy) -> None:
    """Another key, another algorithm, no signature."""
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    known, claims = authorities(provider, table), claims_of(token_of(provider, ORDERS))
    forged = {name: token for name, token in forgeries(key_of(tenancy), claims).items() if name != "rs512"}
    key = key_of(tenancy)
    forged["rs256"] = SigningKey("RS256", key.kid, key.private).sign(claims)
    for name, token in forged.items():
        with pytest.raises(TokenRefused):
            pytest.fail(f"{name}: {judged(token, known)}")


def test_the_token_for_the_pool_is_none_for_the_mesh(tenancy: PoolTenancy) -> None:
    """The cluster's issuer is not Cognito's."""
    provider = tenancy.provider()
    table = made(provider, ORDERS)
    assert refusal(tenancy.token(ORDERS), provider, table) is Reason.UNKNOWN_ISSUER


def test_another_clusters_namesake_is_somebody_else(tenancy: PoolTenancy) -> None:
    """Though it signs in at the same pool, by its own IAM OIDC provider."""
    with Cluster(public=True, algorithm="RS256", gives_tokens=True) as cluster:
        tenancy.account.providers[cluster.issuer] = tenancy.account.providers[tenancy.cluster.issuer]
        tenancy.pool.providers.add(tenancy.account.oidc_provider(cluster.issuer))
        there = PoolTenancy(cluster, tenancy.aws, tenancy.account, tenancy.pool, tenancy.provisioner)
        strange, provider = there.provider(provisioned=False), tenancy.provider(provisioned=False)
        token = token_of(strange, ORDERS)
        assert judged(token, authorities(strange, {})) == ORDERS
        assert refusal(token, provider, {}) is Reason.NO_SUBJECT


class TestIngress(IngressSuite):
    @pytest.fixture
    def provider(self, tenancy: PoolTenancy) -> ProviderUnderTest:
        return tenancy.provider()

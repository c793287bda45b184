"""Signing in at a pool, and its token."""

import json
from collections.abc import Callable

import jwt
import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import Cluster
from aegis_idp.conformance.mounts import Mounts
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import ProjectedToken, Secret
from aegis_idp_aws.cognito.pool import EXCHANGE_AUDIENCE, Pool, pool_of
from aegis_idp_aws.cognito.tokens import IDENTITY, identity_of, issued
from support.cognito_pool import PoolTenancy

ORDERS = Subject("shop", "orders")


def pool(tenancy: PoolTenancy, *, provisioned: bool = True) -> Pool:
    found = pool_of(tenancy.provider(provisioned=provisioned).settings)
    assert found is not None
    return found


def test_a_pod_needs_the_token_for_the_pool(tenancy: PoolTenancy) -> None:
    """Of another audience than that for STS, so that nobody makes a session of a role with it."""
    assert tenancy.provider().needs(ORDERS).tokens == (ProjectedToken(EXCHANGE_AUDIENCE, 3600),)
    assert EXCHANGE_AUDIENCE != "sts.amazonaws.com"


def test_an_audience_per_destination_is_refused_at_admission(tenancy: PoolTenancy) -> None:
    """With what can be done: a pool has one audience."""
    said = (
        r"one audience, its own id, for all destinations: set audiencePerDestination to false, or leave config\.cognito"
    )
    with pytest.raises(Misconfigured, match=said):
        tenancy.provider().needs(ORDERS, ("stock.shop.svc",))


def test_another_audience_is_refused_at_admission(tenancy: PoolTenancy) -> None:
    """No token of the pool would have it."""
    provider = tenancy.provider()
    context = provider.context(ORDERS)
    with pytest.raises(Misconfigured, match=rf"audience of the provider is aegis, wanted {tenancy.pool.id}"):
        provider.plugin.pod_needs(provider.settings, type(context)(ORDERS, "aegis", False, context.hosts))


def test_one_request_gets_a_token_of_an_identity_that_is_known(tenancy: PoolTenancy) -> None:
    """Two where the pool makes it. Neither is signed, and the ServiceAccount token is a login."""
    provider = tenancy.provider()
    identity = provider.make_known(ORDERS).metadata[IDENTITY]
    for provisioned, operations in ((True, ["GetOpenIdToken"]), (False, ["GetId", "GetOpenIdToken"])):
        mounts, tap = provider.mounts(ORDERS), Tapped(provider.http)
        token = run(issued(pool(tenancy, provisioned=provisioned), mounts.request(tenancy.pool.id), tap)).reveal()
        assert [sent.headers["x-amz-target"].rpartition(".")[2] for sent in tap.sent] == operations
        shown = mounts.tokens[EXCHANGE_AUDIENCE].reveal()
        for sent in tap.sent:
            assert "authorization" not in sent.headers
            assert json.loads(sent.body)["Logins"] == {tenancy.login: shown}
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["sub"], claims["aud"], claims["exp"] - claims["iat"]) == (identity, tenancy.pool.id, 600)
        header = jwt.get_unverified_header(token)
        assert (header["alg"], header["typ"]) == ("RS512", "JWS")
    assert len(tenancy.pool.identities) == 1


def test_an_identity_that_is_not_made_yet_says_so(tenancy: PoolTenancy) -> None:
    """And what to look at; nothing is made in its place."""
    provider = tenancy.provider()
    with pytest.raises(Misconfigured, match=r"no identity of system:serviceaccount:shop:orders in the pool"):
        run(issued(pool(tenancy), provider.mounts(ORDERS).request(tenancy.pool.id), provider.http))
    assert tenancy.pool.identities == {}


def test_what_an_administrator_forgot_is_named(tenancy: PoolTenancy) -> None:
    """The basic flow, the pool's provider, the provider's client id, the provider itself."""
    provider = tenancy.provider(provisioned=False)

    def fails(said: str) -> None:
        request = provider.mounts(ORDERS).request(tenancy.pool.id)
        with pytest.raises(Refused, match=said):
            run(issued(pool(tenancy, provisioned=False), request, provider.http))

    tenancy.pool.classic_flow = False
    fails(r"InvalidParameterException \(Basic .*; the pool .* must allow the basic \(classic\) flow")
    tenancy.account.providers[tenancy.cluster.issuer] = ("sts.amazonaws.com",)
    fails(r"Incorrect token audience.*must have the client id cognito-identity\.amazonaws\.com")
    tenancy.pool.providers.clear()
    fails(r"not from a supported provider.*must list arn:aws:iam::\d+:oidc-provider/127")
    del tenancy.account.pools[tenancy.pool.id]
    fails(r"ResourceNotFoundException.*no such pool")


def test_a_cluster_that_does_not_sign_with_rsa_is_told(tenancy: PoolTenancy) -> None:
    """Cognito verifies nothing else."""
    with Cluster(public=True) as cluster:
        tenancy.account.providers[cluster.issuer] = (EXCHANGE_AUDIENCE,)
        tenancy.pool.providers.add(tenancy.account.oidc_provider(cluster.issuer))
        there = PoolTenancy(cluster, tenancy.aws, tenancy.account, tenancy.pool, tenancy.provisioner)
        provider = there.provider(provisioned=False)
        with pytest.raises(Refused, match=r"NotAuthorizedException.*the cluster must sign with RSA"):
            run(issued(pool(there, provisioned=False), provider.mounts(ORDERS).request(tenancy.pool.id), provider.http))


def test_trouble_passes(tenancy: PoolTenancy) -> None:
    """Throttling, which has the status 400; an issuer that Cognito cannot reach; a connection that ends."""
    provider = tenancy.provider(provisioned=False)

    def later(said: str) -> None:
        request = provider.mounts(ORDERS).request(tenancy.pool.id)
        with pytest.raises(Unavailable, match=said):
            run(issued(pool(tenancy, provisioned=False), request, provider.http))

    tenancy.aws.throttle()
    later("TooManyRequestsException")
    tenancy.aws.faults.hang_up()
    later("no HTTP answer")
    tenancy.cluster.gone = True
    later("ExternalServiceException")
    tenancy.cluster.gone = False
    request = provider.mounts(ORDERS).request(tenancy.pool.id)
    assert run(issued(pool(tenancy, provisioned=False), request, provider.http)).reveal()


def test_a_new_identity_spreads(tenancy: PoolTenancy) -> None:
    """Until the pool knows it everywhere the answer is "later", not "no"; then it works."""
    provider = tenancy.provider()
    provider.make_known(ORDERS)
    tenancy.aws.propagation.delay = 2
    tenancy.made().born = tenancy.aws.propagation.birth()
    request = provider.mounts(ORDERS).request(tenancy.pool.id)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"ResourceNotFoundException.*longer than a minute"):
            run(issued(pool(tenancy), request, provider.http))
    assert run(issued(pool(tenancy), request, provider.http)).reveal()


def merged(identity: str) -> Callable[[object], Response]:
    body = json.dumps({"IdentityId": f"{identity}0", "Token": "a.b.c"}).encode()
    return lambda _: Response(200, {}, body)


def test_an_identity_that_was_merged_is_told(tenancy: PoolTenancy) -> None:
    """Its token would be of an identity that nobody knows; where the pool makes them it is as good."""
    provider = tenancy.provider()
    identity = provider.make_known(ORDERS).metadata[IDENTITY]
    request = provider.mounts(ORDERS).request(tenancy.pool.id)
    with pytest.raises(Refused, match=rf"{identity} was merged into {identity}0"):
        run(issued(pool(tenancy), request, Tapped(provider.http, 0, merged(identity))))
    answer = run(issued(pool(tenancy, provisioned=False), request, Tapped(provider.http, 1, merged(identity))))
    assert answer.reveal() == "a.b.c"


def test_signing_in_twice_is_one_identity(tenancy: PoolTenancy) -> None:
    """By whatever token of the ServiceAccount."""
    provider = tenancy.provider()
    names = {
        run(identity_of(pool(tenancy), Secret(tenancy.token(ORDERS, seconds=seconds)), provider.http))
        for seconds in (600, 3600)
    }
    assert names == {tenancy.made().id}


def test_no_mount_is_said(tenancy: PoolTenancy) -> None:
    """By what is missing."""
    with pytest.raises(Misconfigured, match=EXCHANGE_AUDIENCE):
        run(issued(pool(tenancy), Mounts(ORDERS, {}, {}).request("a"), tenancy.provider().http))

"""The session of the role, and its token."""

from urllib.parse import parse_qs

import jwt
import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.mounts import Mounts
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.values import PRINCIPAL, ProjectedToken
from aegis_idp_aws.tokens import EXCHANGE_AUDIENCE, issued
from support.aws_account import Tenancy

ORDERS = Subject("shop", "orders")


def form_of(body: bytes) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(body.decode()).items()}


def test_a_pod_needs_the_token_for_sts(tenancy: Tenancy) -> None:
    """Also for an audience of each destination; more of them than a policy holds are said at admission."""
    provider = tenancy.provider(expirationSeconds=900)
    assert provider.needs(ORDERS).tokens == (ProjectedToken(EXCHANGE_AUDIENCE, 900),)
    assert provider.needs(ORDERS, ("stock.shop.svc",)) == provider.needs(ORDERS)
    with pytest.raises(Misconfigured, match=r"List fewer"):
        provider.needs(ORDERS, tuple(f"service-{number}.shop.svc" for number in range(600)))


def test_two_requests_get_a_token(tenancy: Tenancy) -> None:
    """One without a signature, one with; the ServiceAccount token is in the first alone."""
    provider = tenancy.provider()
    arn = provider.make_known(ORDERS).metadata[PRINCIPAL]
    mounts, tap = provider.mounts(ORDERS), Tapped(provider.http)
    token = run(issued(provider.settings, mounts.request(provider.audience), tap))
    first, second = tap.sent
    assert form_of(first.body) == {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": arn,
        "RoleSessionName": "shop.orders",
        "WebIdentityToken": mounts.tokens[EXCHANGE_AUDIENCE].reveal(),
        "DurationSeconds": "1500",
    }
    assert "authorization" not in first.headers
    assert form_of(second.body) == {
        "Action": "GetWebIdentityToken",
        "Version": "2011-06-15",
        "Audience.member.1": "aegis://mesh",
        "SigningAlgorithm": "RS256",
        "DurationSeconds": "900",
    }
    claims = jwt.decode(token.reveal(), options={"verify_signature": False})
    assert (claims["sub"], claims["aud"], claims["exp"] - claims["iat"]) == (arn, "aegis://mesh", 900)
    assert jwt.get_unverified_header(token.reveal())["alg"] == "RS256"


def test_the_longest_names_make_a_session(tenancy: Tenancy) -> None:
    """What CloudTrail shows is cut at 64 characters."""
    subject = Subject("n" * 63, "a" * 253)
    provider = tenancy.provider()
    provider.make_known(subject)
    assert run(issued(provider.settings, provider.mounts(subject).request(provider.audience), provider.http)).reveal()


def test_an_identity_that_is_not_made_yet_says_so(tenancy: Tenancy) -> None:
    """And what to look at."""
    provider = tenancy.provider()
    with pytest.raises(Misconfigured, match=r"no role of system:serviceaccount:shop:orders is known: its Identity"):
        run(issued(provider.settings, Mounts(ORDERS, {}, {}).request("a"), provider.http))


def test_a_new_role_spreads(tenancy: Tenancy) -> None:
    """Until STS knows it the answer is "later", not "no"; then it works."""
    provider = tenancy.provider()
    provider.make_known(ORDERS)
    tenancy.aws.propagation.delay = 2
    tenancy.made().born = tenancy.aws.propagation.birth()
    request = provider.mounts(ORDERS).request(provider.audience)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"AccessDenied.*if this lasts longer than a minute"):
            run(issued(provider.settings, request, provider.http))
    assert run(issued(provider.settings, request, provider.http)).reveal()


def test_what_an_administrator_forgot_is_named(tenancy: Tenancy) -> None:
    """The federation of the account, the IAM OIDC provider of the cluster."""
    provider = tenancy.provider()
    provider.make_known(ORDERS)
    request = provider.mounts(ORDERS).request(provider.audience)
    tenancy.account.federation_enabled = False
    with pytest.raises(Refused, match=r"FederationDisabled.*aws iam enable-outbound-web-identity-federation"):
        run(issued(provider.settings, request, provider.http))
    tenancy.account.providers.clear()
    with pytest.raises(Refused, match=r"InvalidIdentityToken.*needs an IAM OIDC provider"):
        run(issued(provider.settings, request, provider.http))


def test_throttling_passes(tenancy: Tenancy) -> None:
    """AWS says it with status 400."""
    provider = tenancy.provider()
    provider.make_known(ORDERS)
    request = provider.mounts(ORDERS).request(provider.audience)
    tenancy.aws.throttle()
    with pytest.raises(Unavailable, match="Throttling"):
        run(issued(provider.settings, request, provider.http))
    tenancy.aws.faults.hang_up()
    with pytest.raises(Unavailable):
        run(issued(provider.settings, request, provider.http))
    assert run(issued(provider.settings, request, provider.http)).reveal()

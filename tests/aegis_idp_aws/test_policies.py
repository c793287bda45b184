"""Who may be a role, and which tokens it may ask for; judged by the fake's own evaluation."""

import json

import pytest

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured
from aegis_idp.values import PodContext
from aegis_idp_aws.arns import Home
from aegis_idp_aws.partitions import partition_of
from aegis_idp_aws.policies import require_fitting, token_policy, trust_policy, wanted_audiences
from aegis_idp_aws.settings import AwsSettings
from aegis_idp_fakes.aws.policies import allows, read_policy, trusts

ACCOUNT, ISSUER = "111122223333", "https://cluster.example/id/1"
HOME = Home(partition_of("eu-west-1"), ACCOUNT)
SETTINGS = AwsSettings(ACCOUNT, "https://0a1b.tokens.sts.global.api.aws", "eu-west-1")
ACTION = "sts:GetWebIdentityToken"


def pod(*hosts: str, audience: str = "aegis://mesh") -> PodContext:
    return PodContext(Subject("shop", "orders"), audience, bool(hosts), tuple(HostPattern(host) for host in hosts))


def may(context: PodContext, *audiences: str, algorithm: str = "RS256", seconds: int = 900) -> bool:
    policy = read_policy(json.dumps(token_policy(SETTINGS, context)))
    asked = {
        "sts:IdentityTokenAudience": audiences,
        "sts:SigningAlgorithm": (algorithm,),
        "sts:DurationSeconds": (str(seconds),),
    }
    return allows([policy], ACTION, "*", asked) and not allows([policy], "sts:TagGetWebIdentityToken", "*", asked)


def test_one_service_account_may_be_the_role() -> None:
    """Of this cluster, with a token for STS."""
    policy = read_policy(json.dumps(trust_policy(HOME, ISSUER, "s", "sts.amazonaws.com")))
    name, action = "cluster.example/id/1", "sts:AssumeRoleWithWebIdentity"
    federated = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{name}"
    good = {f"{name}:aud": ("sts.amazonaws.com",), f"{name}:sub": ("s",)}
    assert trusts(policy, federated, action, good)
    assert not trusts(policy, federated + "x", action, good)
    assert not trusts(policy, federated, "sts:AssumeRole", good)
    for key in good:
        assert not trusts(policy, federated, action, {**good, key: ("other",)})
        assert not trusts(policy, federated, action, {one: good[one] for one in good if one != key})


def test_tokens_are_for_the_audience_alone() -> None:
    """By the settings' algorithm, and no longer than they say."""
    assert may(pod(), "aegis://mesh")
    assert not may(pod(), "aegis://other")
    assert not may(pod(), "aegis://mesh", "aegis://other")
    assert not may(pod(), "aegis://mesh", algorithm="ES384")
    assert not may(pod(), "aegis://mesh", seconds=901)


@pytest.mark.parametrize("audience", ["a*", "a?", "${aws:username}", "a$", "$", "${*}"])
def test_an_audience_is_no_pattern(audience: str) -> None:
    """Whatever it holds, it stands for itself."""
    context = pod(audience=audience)
    assert may(context, audience)
    assert not may(context, "ab")
    assert not may(context, audience + "b")


def test_each_destination_is_an_audience() -> None:
    """Those of the hosts that are Services; a pattern stands for the Services below it."""
    context = pod("stock.shop.svc", "db-0.db.shop.svc", "*.bank.svc", "*.nodes.shop.svc", "www.example.com")
    assert wanted_audiences(context) == ["*.bank.svc", "db.shop.svc", "nodes.shop.svc", "stock.shop.svc"]
    assert may(context, "stock.shop.svc")
    assert may(context, "bills.bank.svc")
    assert not may(context, "stock.shop.svc.evil")
    assert not may(context, "bills.shop.svc")
    assert may(pod("*.svc"), "any.where.svc")


def test_no_destination_is_no_token() -> None:
    """Said as a denial: a condition without values says nothing."""
    assert not may(pod("www.example.com"), "www.example.com")
    assert not may(pod("www.example.com"))


def test_more_than_fits_is_said() -> None:
    """An inline policy is short."""
    names = [f"service-{number}.shop.svc" for number in range(600)]
    require_fitting(pod(*names[:200]))
    with pytest.raises(Misconfigured, match=r"take \d+ characters.*patterns like \*\.shop\.svc"):
        require_fitting(pod(*names))

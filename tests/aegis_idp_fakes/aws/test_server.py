"""All of AWS on one address."""

from typing import Any

import pytest

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.http import Response, post_form
from aegis_idp.openid import discover
from aegis_idp_fakes.aws import Aws


def http(aws: Aws) -> BlockingHttp:
    return BlockingHttp(ca_file=str(aws.ca_file))


def post(aws: Aws, **form: str) -> Response:
    return run(post_form(http(aws), f"{aws.url}/", form))


def test_each_account_has_an_issuer_and_keys_of_its_own() -> None:
    """Of both algorithms; discovery leads to them."""
    with Aws() as aws:
        seen = set()
        for account in (aws.account(), aws.account()):
            found = run(discover(http(aws), account.issuer))
            assert found.jwks_uri == f"{account.issuer}/.well-known/jwks.json"
            document: Any = run(http(aws).request("GET", found.jwks_uri)).good_answer("keys")
            assert {key["alg"] for key in document["keys"]} == {"RS256", "ES384"}
            seen |= {key["kid"] for key in document["keys"]}
        assert len(seen) == 4
        assert len(aws.accounts) == 2


def test_an_account_without_federation_publishes_nothing() -> None:
    """There is no issuer then."""
    with Aws() as aws:
        account = aws.account()
        account.federation_enabled = False
        for path in (f"{account.issuer}/.well-known/jwks.json", f"{aws.url}/x"):
            assert run(http(aws).request("GET", path)).status == 404


def test_what_it_does_not_do_is_said() -> None:
    """Another action, another version, no form."""
    with Aws() as aws:
        for form in ({}, {"Action": "GetCallerIdentity", "Version": "2011-06-15"}, {"Action": "GetWebIdentityToken"}):
            answer = post(aws, **form)
            assert answer.status == 400
            assert b"<Code>InvalidAction</Code>" in answer.body


def test_throttling_has_status_400() -> None:
    """As at AWS; it ends."""
    with Aws() as aws:
        aws.throttle()
        assert b"<Code>Throttling</Code>" in post(aws).body
        assert b"Throttling" not in post(aws).body


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov")]
)
def test_a_region_is_of_a_partition(region: str, partition: str) -> None:
    """Whose name all names begin with."""
    with Aws(region=region) as aws:
        assert aws.account().arn("/", "a").startswith(f"arn:{partition}:iam::")

"""An identity pool, as its settings say."""

import boto3
import pytest

from aegis_idp_aws.cognito.pool import pool_of
from aegis_idp_aws.cognito.settings import CognitoSettings
from aegis_idp_aws.settings import AwsSettings

ISSUER = "https://cognito-identity.amazonaws.com"


def settings(region: str, **changes: str) -> AwsSettings:
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")
    provider = f"arn:{partition}:iam::111122223333:oidc-provider/oidc.example/id/1"
    pool = CognitoSettings(f"{region}:0a1b2c3d-0000-4000-8000-000000000000", provider, **changes)
    return AwsSettings("111122223333", ISSUER, region, pool)


@pytest.mark.parametrize("region", ["eu-west-1", "af-south-1", "cn-north-1", "us-gov-west-1", "us-gov-east-1"])
def test_its_host_is_that_which_boto3_asks(region: str) -> None:
    """In each partition; the login is the issuer without its scheme everywhere."""
    client = boto3.client("cognito-identity", region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
    pool = pool_of(settings(region))
    assert pool is not None
    assert pool.url == client.meta.endpoint_url
    assert pool.login == "oidc.example/id/1"
    assert region in boto3.Session().get_available_regions("cognito-identity", pool.settings.partition.name)


def test_hosts_can_be_said() -> None:
    """The keys follow the issuer, where nothing else is said."""
    pool = pool_of(settings("eu-west-1"))
    other = pool_of(settings("eu-west-1", url="https://vpce.example", key_set="https://keys.example/jwks"))
    assert pool is not None
    assert other is not None
    assert pool.key_set == f"{ISSUER}/.well-known/jwks_uri"
    assert (other.url, other.key_set) == ("https://vpce.example", "https://keys.example/jwks")


def test_who_makes_identities_is_a_role() -> None:
    """Without one, the pool makes them; without a pool there is none."""
    without = AwsSettings("111122223333", ISSUER, "eu-west-1")
    pool = pool_of(settings("eu-west-1"))
    assert pool is not None
    assert not pool.provisioned
    assert pool_of(without) is None

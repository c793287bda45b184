"""The parts of AWS: what is known here is what boto3 knows."""

import boto3
import pytest

from aegis_api.names import Subject
from aegis_idp_aws.partitions import check_region, partition_of
from aegis_idp_aws.settings import AwsSettings
from support.aws_account import aws_account
from support.cognito_pool import cognito_pool
from support.ingress_judge import authorities, judged, made, token_of

ORDERS = Subject("shop", "orders")

REGIONS = ["eu-west-1", "us-east-1", "ap-southeast-5", "cn-north-1", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1"]


def endpoint(service: str, region: str) -> str:
    # The keys keep botocore from looking for some: it asks nobody here.
    client = boto3.client(service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
    return str(client.meta.endpoint_url)


@pytest.mark.parametrize("region", REGIONS)
def test_hosts_are_those_that_boto3_asks(region: str) -> None:
    """IAM and STS of each partition; and signatures for IAM are those of the region that boto3 signs for."""
    settings = AwsSettings("111122223333", "https://issuer.example", region)
    assert settings.iam_url == endpoint("iam", region)
    assert settings.sts_url == endpoint("sts", region)
    client = boto3.client("iam", region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
    signed = client.generate_presigned_url("get_user", ExpiresIn=60)
    assert f"%2F{settings.partition.iam_region}%2Fiam%2Faws4_request" in signed


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_is_of_its_partition(region: str) -> None:
    """By its name, as boto3 finds it."""
    assert partition_of(region).name == boto3.Session().get_partition_for_region(region)
    check_region(region)


@pytest.mark.parametrize(
    "region", ["us-iso-east-1", "us-isob-east-1", "us-isof-south-1", "eu-isoe-west-1", "eusc-de-east-1"]
)
def test_other_partitions_are_not_taken_for_aws(region: str) -> None:
    """They have hosts and names of their own."""
    with pytest.raises(ValueError, match="aws, aws-cn or aws-us-gov"):
        check_region(region)


@pytest.mark.parametrize("region", ["cn-northwest-1", "us-gov-west-1"])
def test_roles_are_made_and_believed_there(region: str) -> None:
    """By the names and signatures of the partition, which the fake holds to; a role of another is none of ours."""
    with aws_account(region) as tenancy:
        provider = tenancy.provider()
        table = made(provider, ORDERS)
        (arn,) = table
        assert arn.startswith(f"arn:{partition_of(region).name}:iam::{tenancy.account.id}:role/aegis/")
        token = token_of(provider, ORDERS)
        assert judged(token, authorities(provider, table)) == ORDERS


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-east-1"])
def test_pools_let_service_accounts_in_there(region: str) -> None:
    """By the names of the partition, in `amr` too."""
    with cognito_pool(region) as tenancy:
        provider = tenancy.provider()
        table = made(provider, ORDERS)
        assert judged(token_of(provider, ORDERS), authorities(provider, table)) == ORDERS
        assert tenancy.oidc_provider.startswith(f"arn:{partition_of(region).name}:iam::")

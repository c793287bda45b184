"""Names at IAM."""

import re

import pytest

from aegis_idp_aws.arns import OIDC_PROVIDER_ARN, POLICY_ARN, Home, without_scheme
from aegis_idp_aws.partitions import partition_of

ACCOUNT = "111122223333"
HOME, CHINA = Home(partition_of("eu-west-1"), ACCOUNT), Home(partition_of("cn-north-1"), ACCOUNT)


@pytest.mark.parametrize("name", ["orders", "aegis/c-1/shop-orders-0123456789", "a/b/c/x+=,.@-_"])
def test_a_role_is_of_its_account(name: str) -> None:
    """With any path; accounts of two partitions are two, whatever their numbers are."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    assert HOME.has_role(arn)
    assert not Home(HOME.partition, "111122223334").has_role(arn)
    assert not CHINA.has_role(arn)
    assert CHINA.has_role(arn.replace("arn:aws:", "arn:aws-cn:"))


@pytest.mark.parametrize(
    "arn",
    [
        "",
        f"arn:aws:iam::{ACCOUNT}:role/",
        f"arn:aws:iam::{ACCOUNT}:role/a\n",
        f"arn:aws:iam::{ACCOUNT}:role//a",
        f"arn:aws:iam::{ACCOUNT}:role/{'a' * 65}",
        f"arn:aws:iam::{ACCOUNT}:user/a",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b",
        f"arn:aws:iam::999:role/x:iam::{ACCOUNT}:role/a",
        f"arn:aws-:iam::{ACCOUNT}:role/a",
        f"xarn:aws:iam::{ACCOUNT}:role/a",
        f"arn:aws:iam::{ACCOUNT}:role/a b",
    ],
)
def test_all_else_is_none(arn: str) -> None:
    """Users, sessions, and texts that only hold the account."""
    assert not HOME.has_role(arn)


def test_a_policy_is_the_accounts_or_one_of_aws() -> None:
    """In its partition."""
    own, aws = f"arn:aws:iam::{ACCOUNT}:policy/a", "arn:aws:iam::aws:policy/ReadOnlyAccess"
    for arn in (own, aws):
        assert re.fullmatch(POLICY_ARN, arn)
        assert HOME.has_policy(arn)
        assert not CHINA.has_policy(arn)
    assert not HOME.has_policy(own.replace(ACCOUNT, "111122223334"))


def test_an_issuer_is_a_provider() -> None:
    """By its URL, with the path, without the scheme."""
    arn = HOME.oidc_provider("https://a.b/c")
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/a.b/c"
    assert re.fullmatch(OIDC_PROVIDER_ARN, arn)
    assert HOME.has_oidc_provider(arn)
    assert not CHINA.has_oidc_provider(arn)
    assert without_scheme("https://a.b/c") == "a.b/c"

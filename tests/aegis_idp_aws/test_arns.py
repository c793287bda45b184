"""Names of roles."""

import pytest

from aegis_idp_aws.arns import account_of, is_role_of, provider_arn, without_scheme

ACCOUNT = "111122223333"


@pytest.mark.parametrize("name", ["orders", "aegis/c-1/shop-orders-0123456789", "a/b/c/x+=,.@-_"])
def test_a_role_is_of_its_account(name: str) -> None:
    """With any path."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    assert is_role_of(arn, ACCOUNT)
    assert account_of(arn) == ACCOUNT
    assert not is_role_of(arn, "111122223334")


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
        f"xarn:aws:iam::{ACCOUNT}:role/a",
        f"arn:aws:iam::{ACCOUNT}:role/a b",
    ],
)
def test_all_else_is_none(arn: str) -> None:
    """Users, sessions, and texts that only hold the account."""
    assert not is_role_of(arn, ACCOUNT)


def test_an_issuer_is_a_provider() -> None:
    """By its URL, with the path, without the scheme."""
    assert provider_arn(ACCOUNT, "https://a.b/c") == f"arn:aws:iam::{ACCOUNT}:oidc-provider/a.b/c"
    assert without_scheme("https://a.b/c") == "a.b/c"

"""Names of IAM roles (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)."""

import re

ROLE_ARN = r"arn:aws:iam::[0-9]{12}:role/(?:[!-.0-~]+/)*[A-Za-z0-9_+=,.@-]{1,64}"
_ROLE = re.compile(ROLE_ARN)


def is_role_of(arn: str, account: str) -> bool:
    """Whether it names a role of this account."""
    return _ROLE.fullmatch(arn) is not None and account_of(arn) == account


def account_of(arn: str) -> str:
    return arn.split(":")[4]


def provider_arn(account: str, issuer: str) -> str:
    """The IAM OIDC provider of an issuer, which is named by its URL without the scheme."""
    return f"arn:aws:iam::{account}:oidc-provider/{without_scheme(issuer)}"


def without_scheme(issuer: str) -> str:
    return issuer.partition("://")[2]

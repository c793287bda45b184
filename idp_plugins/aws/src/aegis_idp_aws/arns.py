"""Names at IAM and Cognito (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)."""

import re

from attrs import frozen

from aegis_idp_aws.partitions import Partition

_IAM = r"arn:aws(?:-[a-z]+)*:iam::"
ROLE_ARN = rf"{_IAM}[0-9]{{12}}:role/(?:[!-.0-~]+/)*[A-Za-z0-9_+=,.@-]{{1,64}}"
POLICY_ARN = rf"{_IAM}(?:[0-9]{{12}}|aws):policy/[!-~]{{1,512}}"
OIDC_PROVIDER_ARN = rf"{_IAM}[0-9]{{12}}:oidc-provider/[!-~]{{1,255}}"
_ROLE = re.compile(ROLE_ARN)


@frozen
class Home:
    """An account, in its partition: what names of its roles and providers begin with."""

    partition: Partition
    account: str

    @property
    def _iam(self) -> str:
        return f"arn:{self.partition.name}:iam::{self.account}:"

    def has_role(self, arn: str) -> bool:
        """Whether it names a role of this account."""
        return _ROLE.fullmatch(arn) is not None and arn.startswith(self._iam)

    def has_oidc_provider(self, arn: str) -> bool:
        """Whether it names an IAM OIDC provider of this account; `arn` matches OIDC_PROVIDER_ARN."""
        return arn.startswith(self._iam)

    def has_policy(self, arn: str) -> bool:
        """Whether it names a policy of this account, or one that AWS keeps; `arn` matches POLICY_ARN."""
        return arn.startswith((self._iam, f"arn:{self.partition.name}:iam::aws:"))

    def oidc_provider(self, issuer: str) -> str:
        """The IAM OIDC provider of an issuer, which is named by its URL without the scheme."""
        return f"{self._iam}oidc-provider/{without_scheme(issuer)}"


def without_scheme(issuer: str) -> str:
    return issuer.partition("://")[2]

"""The settings of a provider of the type `aws`."""

from collections.abc import Mapping
from typing import Literal

from attrs import fields_dict, frozen

from aegis_api.names import Subject
from aegis_idp.kept import keeper_of, kept_for, subject_of
from aegis_idp.settings import setting
from aegis_idp.urls import check_bare_url
from aegis_idp_aws.arns import POLICY_ARN, ROLE_ARN, Home
from aegis_idp_aws.cognito.settings import CognitoSettings
from aegis_idp_aws.partitions import Partition, check_region, partition_of

_SHORTEST_SESSION, _SESSION_AHEAD = 900, 600
_OF_ROLES = {
    "role_arns": "roleArns",
    "permissions_boundary": "permissionsBoundary",
    "signing_algorithm": "signingAlgorithm",
    "token_seconds": "tokenSeconds",
    "iam": "iam",
}


def _check_role_arns(arns: Mapping[str, str]) -> None:
    for name in arns:
        subject_of(name)
    if len(set(arns.values())) < len(arns):
        raise ValueError("a role of its own for each ServiceAccount")


@frozen
class AwsSettings:
    """Account, issuer and region are needed.

    With `cognito` tokens are those of an identity pool. Without it they are those of roles: `provision_as` makes the
    roles, or `role_arns` names them.
    """

    account_id: str = setting("The account, of twelve digits.", pattern=r"[0-9]{12}", wanted="twelve digits")
    issuer: str = setting(
        "The issuer of the tokens: IssuerIdentifier of GetOutboundWebIdentityFederationInfo. With cognito, that of its "
        "tokens: https://cognito-identity.amazonaws.com in most regions.",
        check=check_bare_url,
    )
    region: str = setting(
        "The region whose STS is asked. The global endpoint issues no tokens.",
        pattern=r"[a-z]{2,3}(?:-[a-z]+)+-[0-9]{1,2}",
        wanted="the name of a region, like eu-west-1",
        check=check_region,
    )
    cognito: CognitoSettings | None = setting(
        "Tokens of a Cognito identity pool in place of those of roles.", default=None
    )
    provision_as: str | None = setting(
        "The ARN of the role as which the reconcile function makes the others, or the identities of the pool. Without "
        "it nothing is made, and roleArns says which roles there are; a pool makes identities itself.",
        default=None,
        pattern=ROLE_ARN,
        wanted="the ARN of a role",
    )
    role_arns: Mapping[str, str] = setting(
        "Roles that somebody else keeps: NAMESPACE/NAME of a ServiceAccount, and the ARN of its role.",
        default={},
        check=_check_role_arns,
    )
    permissions_boundary: str | None = setting(
        "The ARN of the policy that bounds every role that is made.",
        default=None,
        pattern=POLICY_ARN,
        wanted="the ARN of a policy",
    )
    signing_algorithm: Literal["RS256", "ES384"] = setting(
        "What the account signs tokens with. Both are accepted on the way in; RS256 costs a proxy an eighth.",
        default="RS256",
    )
    token_seconds: int = setting("How long a token lives.", default=900, low=300, high=3000)
    sts: str | None = setting(
        "Where STS is. Default: https://sts.REGION.amazonaws.com, with .cn in China.",
        default=None,
        check=check_bare_url,
    )
    iam: str | None = setting(
        "Where IAM is. Default: that of the region's partition, https://iam.amazonaws.com in most.",
        default=None,
        check=check_bare_url,
    )
    expiration_seconds: int = setting(
        "How long the ServiceAccount token lives that AWS is shown.", default=3600, low=600, high=86400
    )

    def __attrs_post_init__(self) -> None:
        where = f"of the account {self.account_id} in the partition {self.partition.name}"
        for arn in (self.provision_as, *self.role_arns.values()):
            if arn is not None and not self.home.has_role(arn):
                raise ValueError(f"the ARN of a role {where} in place of {arn}")
        if self.permissions_boundary is not None and not self.home.has_policy(self.permissions_boundary):
            raise ValueError(f"the ARN of a policy {where} in place of {self.permissions_boundary}")
        if self.cognito is not None:
            self.cognito.check_beside(self.home, self.region)
            self._check_no_roles()

    def _check_no_roles(self) -> None:
        for name, setting_name in _OF_ROLES.items():
            if getattr(self, name) != fields_dict(AwsSettings)[name].default:
                raise ValueError(
                    f"no {setting_name} beside cognito: it is about roles, and tokens of a pool live ten minutes"
                )

    @property
    def partition(self) -> Partition:
        return partition_of(self.region)

    @property
    def home(self) -> Home:
        return Home(self.partition, self.account_id)

    @property
    def sts_url(self) -> str:
        return self.sts or f"https://sts.{self.region}.{self.partition.suffix}"

    @property
    def iam_url(self) -> str:
        return self.iam or self.partition.iam

    @property
    def key_set(self) -> str:
        return f"{self.issuer}/.well-known/jwks.json"

    @property
    def session_seconds(self) -> int:
        """STS issues no token that outlives the session which asks for it."""
        return max(_SHORTEST_SESSION, self.token_seconds + _SESSION_AHEAD)

    def role_of(self, subject: Subject) -> str | None:
        """The role that these settings name for a ServiceAccount."""
        return kept_for(self.role_arns, subject)

    def subject_by(self, arn: str) -> Subject | None:
        """Whose role it is by these settings."""
        return keeper_of(self.role_arns, arn)

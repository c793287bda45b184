"""What an identity pool's settings are."""

from attrs import frozen

from aegis_idp.settings import setting
from aegis_idp.urls import check_bare_url
from aegis_idp_aws.arns import OIDC_PROVIDER_ARN, Home

# https://docs.aws.amazon.com/general/latest/gr/cognito_identity.html
_WITHOUT_COGNITO = {"cn-northwest-1": "cn-north-1"}


@frozen
class CognitoSettings:
    """The pool, and which of its logins is the cluster's."""

    identity_pool: str = setting(
        "The id of the identity pool. It is also the audience of all its tokens, so spec.audience is the same.",
        pattern=r"[a-z0-9-]{1,18}:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        wanted="the id of an identity pool, REGION:GUID",
    )
    oidc_provider: str = setting(
        "The ARN of the cluster's IAM OIDC provider, by which its ServiceAccounts sign in at the pool.",
        pattern=OIDC_PROVIDER_ARN,
        wanted="the ARN of an IAM OIDC provider",
    )
    developer_provider: str = setting(
        "The pool's developer provider name: under it, provisionAs marks the identities it makes.",
        default="aegis",
        pattern=r"[A-Za-z0-9._-]{1,128}",
        wanted="a developer provider name",
    )
    url: str | None = setting(
        "Where Cognito is. Default: https://cognito-identity.REGION.amazonaws.com, with .cn in China.",
        default=None,
        check=check_bare_url,
    )
    key_set: str | None = setting(
        "Where the keys of the pool's tokens are. Default: ISSUER/.well-known/jwks_uri.",
        default=None,
        check=check_bare_url,
    )

    def check_beside(self, home: Home, region: str) -> None:
        """Raises ValueError unless pool and provider are those of the account and region."""
        if region in _WITHOUT_COGNITO:
            raise ValueError(
                f"a region with identity pools, like {_WITHOUT_COGNITO[region]}: there are none in {region}"
            )
        if not self.identity_pool.startswith(f"{region}:"):
            raise ValueError(f"an identity pool of the region {region} in place of {self.identity_pool}")
        if not home.has_oidc_provider(self.oidc_provider):
            raise ValueError(
                f"the ARN of an IAM OIDC provider of the account {home.account} in the partition "
                f"{home.partition.name} in place of {self.oidc_provider}"
            )

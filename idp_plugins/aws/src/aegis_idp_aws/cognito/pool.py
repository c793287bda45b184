"""An identity pool, as its settings say."""

from attrs import frozen

from aegis_idp_aws.cognito.settings import CognitoSettings
from aegis_idp_aws.settings import AwsSettings

EXCHANGE_AUDIENCE = "cognito-identity.amazonaws.com"
"""The audience of the ServiceAccount tokens that a pool is shown; another than STS takes."""


@frozen
class Pool:
    """The settings of a provider that has `cognito`."""

    settings: AwsSettings
    cognito: CognitoSettings

    @property
    def id(self) -> str:
        """Also the audience of its tokens."""
        return self.cognito.identity_pool

    @property
    def login(self) -> str:
        """What the pool calls the cluster in a map of logins: the issuer without its scheme."""
        return self.cognito.oidc_provider.partition(":oidc-provider/")[2]

    @property
    def url(self) -> str:
        settings = self.settings
        return self.cognito.url or f"https://cognito-identity.{settings.region}.{settings.partition.suffix}"

    @property
    def key_set(self) -> str:
        return self.cognito.key_set or f"{self.settings.issuer}/.well-known/jwks_uri"

    @property
    def provisioned(self) -> bool:
        """Whether the reconcile function makes its identities, and not the pool itself, as they come."""
        return self.settings.provision_as is not None


def pool_of(settings: AwsSettings) -> Pool | None:
    """None where tokens are those of roles."""
    return None if settings.cognito is None else Pool(settings, settings.cognito)

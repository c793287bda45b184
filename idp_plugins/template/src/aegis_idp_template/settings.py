"""The settings of a provider of the type `template`."""

from attrs import frozen

from aegis_idp.settings import setting
from aegis_idp.urls import check_base_url


@frozen
class TemplateSettings:
    """`config` of the IdentityProvider. The field `expiration_seconds` is `expirationSeconds` there."""

    address: str = setting("The base URL of the token service, which is also its issuer.", check=check_base_url)
    expiration_seconds: int = setting(
        "How long the ServiceAccount token lives that the service is shown.", default=3600, low=600, high=86400
    )

"""The settings of clients that are made at Keycloak."""

from attrs import frozen

from aegis_idp.settings import setting
from aegis_idp.urls import check_base_url


@frozen
class KeycloakSettings:
    """Who may make clients is settled in the realm: see docs/providers/keycloak.md."""

    identity_provider: str = setting(
        "The alias of the realm's identity provider of the type kubernetes, which trusts the cluster's ServiceAccount "
        "tokens.",
        default="kubernetes",
        pattern=r"[-._A-Za-z0-9]{1,255}",
        wanted="the alias of an identity provider",
    )
    admin_url: str | None = setting(
        "The realm's admin URL. Default: that of the issuer, https://HOST/admin/realms/REALM.",
        default=None,
        check=check_base_url,
    )

"""Any OpenID Connect or OAuth 2.0 server as an identity provider.

Whose tokens are good comes from discovery, from a key set URL or from keys in the settings. A token is got with the
pod's ServiceAccount token as client assertion or as grant (RFC 7523), or in exchange for it (RFC 8693), or, the lesser
way, with a stored secret or key. At Keycloak the clients can be made and removed with the Identities.

- `settings`: what an IdentityProvider of the type `oidc` may set
- `templates`: how a subject is written as client id, and read from a claim
- `clients`, `assertions`: how a client authenticates with what is stored
- `grants`: the form that asks for a token
- `refusals`: what to do about an error code
- `keycloak`: clients made by Keycloak's admin API
- `plugin`: the five questions
"""

from aegis_idp.plugin import Plugin
from aegis_idp_oidc.plugin import OidcPlugin
from aegis_idp_oidc.settings import OidcSettings

PLUGIN: Plugin[OidcSettings] = OidcPlugin()

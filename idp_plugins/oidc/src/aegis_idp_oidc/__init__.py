"""Any OpenID Connect or OAuth 2.0 server as an identity provider.

Whose tokens are good comes from discovery, from a key set URL or from keys in the settings. A token is got with the
pod's ServiceAccount token as client assertion or as grant (RFC 7523), or, the lesser way, with a stored secret.

- `settings`: what an IdentityProvider of the type `oidc` may set
- `templates`: how a subject is written as client id, and read from a claim
- `grants`: the form that asks for a token
- `refusals`: what to do about an error code
- `plugin`: the five questions
"""

from aegis_idp.plugin import Plugin
from aegis_idp_oidc.plugin import OidcPlugin
from aegis_idp_oidc.settings import OidcSettings

PLUGIN: Plugin[OidcSettings] = OidcPlugin()

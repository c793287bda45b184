"""HashiCorp Vault as an identity provider: identity tokens of its OIDC roles, got with the ServiceAccount token.

What exists in Vault for one identity is an alias of the cluster's JWT mount (with the entity that Vault makes along),
which bears the owner's mark, and an OIDC role for each audience. Auth roles, policies and keys are the administrator's:
the plugin needs no right to write them.

- `settings`: what an IdentityProvider of the type `hashicorp.vault` may set
- `names`: the OIDC role of an identity and audience
- `marks`: whose an alias is, and which roles belong to it
- `wire`: one request to Vault, one answer, or the right error
- `refusals`: what to do about an error
- `objects`: the requests that read and change what exists for an identity
- `provision`: from what is there to what should be
- `tokens`: from the ServiceAccount token to the identity token
- `trust`: whose tokens are good
- `plugin`: the five questions
"""

from aegis_idp.plugin import Plugin
from aegis_idp_vault.plugin import VaultPlugin
from aegis_idp_vault.settings import VaultSettings

PLUGIN: Plugin[VaultSettings] = VaultPlugin()

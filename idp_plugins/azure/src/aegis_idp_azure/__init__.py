"""Microsoft Entra ID as an identity provider.

Each ServiceAccount has an application in the tenant, with a federated identity credential that names the
ServiceAccount: its projected token is exchanged for a token of the application, and no secret is stored. A token says
which application it is of; whose that is, the mesh knows.

- `settings`: what an IdentityProvider of the type `azure` may set
- `tokens`: the exchange
- `callers`: whose tokens are good, and which application a token is of
- `refusals`: what to do about an error of Entra ID
- `credentials`: the reconcile function's own sign-in, with azure-identity
- `graph`: requests to Microsoft Graph
- `applications`: how an application is made, mended and removed
- `plugin`: the five questions
"""

from aegis_idp.plugin import Plugin
from aegis_idp_azure.plugin import AzurePlugin
from aegis_idp_azure.settings import AzureSettings

PLUGIN: Plugin[AzureSettings] = AzurePlugin()

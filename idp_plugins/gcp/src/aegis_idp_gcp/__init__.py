"""Google Cloud as an identity provider.

Each ServiceAccount has a Google service account in a project, which it may impersonate through a workload identity
pool: its projected token is exchanged for a federated one, and that for an ID token of the service account. No secret
is stored. A token says which service account it is of; whose that is, the mesh knows.

- `settings`: what an IdentityProvider of the type `gcp` may set
- `tokens`: the exchange, and the ID token
- `callers`: whose tokens are good, and which service account a token is of
- `refusals`: what to do about an error of Google Cloud
- `credentials`: the reconcile function's own sign-in, with google-auth
- `iam`: requests to the IAM API
- `accounts`: how a service account is made, mended and removed
- `plugin`: the five questions
"""

from aegis_idp.plugin import Plugin
from aegis_idp_gcp.plugin import GcpPlugin
from aegis_idp_gcp.settings import GcpSettings

PLUGIN: Plugin[GcpSettings] = GcpPlugin()

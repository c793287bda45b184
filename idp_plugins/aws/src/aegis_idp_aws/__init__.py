"""AWS IAM as an identity provider, by its outbound identity federation.

Each ServiceAccount has an IAM role, whose trust policy names it: its projected token is exchanged for a session of the
role, and the session asks for a token that the account's own issuer signs. No secret is stored, and no SDK is needed:
requests are signed here. A token says which role it is of; whose that is, the mesh knows.

- `settings`: what an IdentityProvider of the type `aws` may set
- `arns`: names of roles
- `signing`: Signature Version 4
- `answers`: XML that came, read strictly
- `query`: one call of STS or IAM
- `refusals`: what to do about an error of AWS
- `tokens`: the session, and the token
- `callers`: whose tokens are good, and which role a token is of
- `policies`: who may be the role, and which tokens it may ask for
- `roles`: how a role is made, mended and removed
- `plugin`: the five questions
"""

from aegis_idp.plugin import Plugin
from aegis_idp_aws.plugin import AwsPlugin
from aegis_idp_aws.settings import AwsSettings

PLUGIN: Plugin[AwsSettings] = AwsPlugin()

"""AWS as an identity provider: by outbound identity federation of IAM, or by a Cognito identity pool.

IAM: each ServiceAccount has a role, whose trust policy names it: its projected token is exchanged for a session of the
role, and the session asks for a token that the account's own issuer signs. A token says which role it is of; whose that
is, the mesh knows.

Cognito (`cognito`): the projected token is exchanged for one of the pool, which says who signed in.

No secret is stored, and no SDK is needed: requests are signed here.

- `settings`: what an IdentityProvider of the type `aws` may set
- `partitions`: AWS, AWS in China, and AWS GovCloud (US)
- `arns`: names at IAM
- `signing`: Signature Version 4
- `answers`: what came, read strictly
- `query`: one call of STS or IAM
- `refusals`: what to do about an error of AWS
- `tokens`: the session, and the token
- `callers`: whose tokens are good, and which role a token is of
- `policies`: who may be the role, and which tokens it may ask for
- `roles`: how a role is made, mended and removed
- `cognito`: the same by an identity pool
- `plugin`: the five questions
"""

from aegis_idp.plugin import Plugin
from aegis_idp_aws.plugin import AwsPlugin
from aegis_idp_aws.settings import AwsSettings

PLUGIN: Plugin[AwsSettings] = AwsPlugin()

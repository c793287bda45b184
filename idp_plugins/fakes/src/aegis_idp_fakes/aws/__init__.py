"""AWS STS, the part of IAM that makes roles, the issuers of accounts (outbound identity federation), and Cognito pools.

Wire forms and error codes: the API references of STS and IAM, the IAM user guide, and what boto3 sends and takes.

- `server`: all of it on one address
- `accounts`: what an account holds
- `policies`: judges policy documents
- `signatures`: recomputes Signature Version 4
- `sts`: AssumeRoleWithWebIdentity and GetWebIdentityToken
- `iam`: roles and their policies
- `pools`: what an identity pool holds
- `logins`: judges the tokens that a pool is shown
- `cognito`: identities of pools, and tokens of them
- `wire`: answers, good and bad
"""

from aegis_idp_fakes.aws.accounts import Account, Role
from aegis_idp_fakes.aws.pools import IdentityPool
from aegis_idp_fakes.aws.server import Aws

__all__ = ["Account", "Aws", "IdentityPool", "Role"]

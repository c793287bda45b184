"""AWS STS, the part of IAM that makes roles, and the issuers of accounts (outbound identity federation).

Wire forms and error codes: the API references of STS and IAM, the IAM user guide, and what boto3 sends and takes.

- `server`: all of it on one address
- `accounts`: what an account holds
- `policies`: judges policy documents
- `signatures`: recomputes Signature Version 4
- `sts`: AssumeRoleWithWebIdentity and GetWebIdentityToken
- `iam`: roles and their policies
- `wire`: XML answers, good and bad
"""

from aegis_idp_fakes.aws.accounts import Account, Role
from aegis_idp_fakes.aws.server import Aws

__all__ = ["Account", "Aws", "Role"]

"""Google Cloud: the Security Token Service, ID tokens of service accounts, their IAM policies, and Google's keys.

Wire forms: Google's REST references of STS v1, IAM Service Account Credentials v1 and IAM v1, and what google-auth
takes.

- `server`: all of it on one address
- `project`: what a project holds
- `exchange`: the Security Token Service
- `iam`: service accounts, and who may do what with them
- `errors`: how they say no
"""

from aegis_idp_fakes.google.project import Project
from aegis_idp_fakes.google.server import Google

__all__ = ["Google", "Project"]

"""Microsoft Entra ID with its token endpoint and keys, and the part of Microsoft Graph that makes applications.

Wire forms and error codes: Microsoft's documentation of the v2.0 endpoint, of workload identity federation and of
Graph v1.0, and what azure-identity takes.

- `server`: all of it on one address
- `directory`: what a tenant holds
- `tokens`: the token endpoint of a tenant
- `graph`: applications, service principals and federated identity credentials
- `errors`: how both say no
"""

from aegis_idp_fakes.entra.directory import Application, Directory, Federation
from aegis_idp_fakes.entra.server import Entra

__all__ = ["Application", "Directory", "Entra", "Federation"]

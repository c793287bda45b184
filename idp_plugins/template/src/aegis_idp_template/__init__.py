"""A complete identity provider plugin, made to be copied: see README.md.

Its provider is a small token service. A workload shows its ServiceAccount token and gets a JWT for an audience, if an
account was made for it; accounts are made and removed over HTTP as well. `tests/token_service.py` is that service.

- `settings`: what an IdentityProvider of this type may set
- `accounts`: making and removing an identity
- `plugin`: the five questions
"""

from aegis_idp.plugin import Plugin
from aegis_idp_template.plugin import TemplatePlugin
from aegis_idp_template.settings import TemplateSettings

PLUGIN: Plugin[TemplateSettings] = TemplatePlugin()

"""Kubernetes itself as an identity provider.

A pod's token is the ServiceAccount token that the kubelet projects for the audience; whose tokens are good, the API
server says by OIDC discovery. Nothing is made at the provider, and nobody is asked when a token is wanted.

- `settings`: what an IdentityProvider of the type `kubernetes` may set
- `needs`: which tokens the kubelet projects
- `keys`: issuer and keys
- `plugin`: the five questions
"""

from aegis_idp.plugin import Plugin
from aegis_idp_kubernetes.plugin import KubernetesPlugin
from aegis_idp_kubernetes.settings import KubernetesSettings

PLUGIN: Plugin[KubernetesSettings] = KubernetesPlugin()

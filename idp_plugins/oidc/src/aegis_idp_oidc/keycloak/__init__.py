"""Clients of a Keycloak realm, made and removed by its admin REST API.

For each Identity one client, which authenticates by the pod's ServiceAccount token (`federated-jwt`), and for each
audience one client scope, whose only effect is that audience. Nobody stores a secret; the reconcile function is a
client of the same kind.

- `settings`: where the API is
- `wanted`: the client and the scopes as they should be, and whether what is there is so
- `admin`: the calls
- `provisioning`: the order of the calls, and what to do about what is found
"""

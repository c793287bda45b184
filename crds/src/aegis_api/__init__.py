"""The resources of Aegis, as frozen values.

Four kinds make up the mesh: an `IdentityProvider` (or `ClusterIdentityProvider`) says whose tokens count, an `Identity`
says what a pod is, and an `IngressPolicy` says who may call it. `parse_resource` turns a Kubernetes object into one of
them. Webhook, reconciler and proxy all use this parser, so what admission accepts is what the proxy can enforce.

This package does no I/O and knows neither Kubernetes clients nor identity providers.
"""

"""A small Kubernetes API in memory, good enough for an unmodified kubectl.

The way of a request: `site` (HTTP) -> `api` (who may do what) -> `handlers` (which verb) -> `reading`, `writing` or
`deleting` -> `store`. Beside it, `controllers` react to what is stored, and `watching` streams it to clients.
"""

from aegis_local.kube.embedded import EmbeddedKubernetes

__all__ = ["EmbeddedKubernetes"]

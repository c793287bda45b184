"""Where a sidecar finds what its plugin needs: the webhook mounts it so, the proxy reads it so."""

from urllib.parse import quote

from aegis_idp.values import SecretKey


def token_file(audience: str) -> str:
    """The projected ServiceAccount token for `audience`, as a file name beside the pod's main one (--token-file)."""
    return quote(audience, safe="")


def secret_file(key: SecretKey) -> str:
    """One key of a Secret, as a path below the folder of Secrets (--secrets-dir)."""
    return f"{key.name}/{key.key}"

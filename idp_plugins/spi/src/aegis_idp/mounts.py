"""Where a sidecar finds what its plugin needs: the webhook mounts it so, the proxy reads it so."""

from urllib.parse import quote

from aegis_idp.values import SecretKey

_LONGEST_NAME = 255  # of a file, on what the kubelet mounts


def token_file(audience: str) -> str:
    """The projected ServiceAccount token for `audience`, as a file name beside the pod's main one (--token-file)."""
    name = quote(audience, safe="")
    if name == "." or name.startswith("..") or len(name) > _LONGEST_NAME:
        import hashlib  # and with it OpenSSL: 3 MiB that most sidecars need not have

        return f"sha256-{hashlib.sha256(audience.encode()).hexdigest()}"
    return name


def secret_file(key: SecretKey) -> str:
    """One key of a Secret, as a path below the folder of Secrets (--secrets-dir)."""
    return f"{key.name}/{key.key}"

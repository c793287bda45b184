"""Where a sidecar finds what its plugin needs, below one folder: the webhook mounts it so, the proxy reads it so."""

import hashlib
import re

from aegis_idp.values import SecretKey

# The folder that `aegis-proxy run --secrets-dir` defaults to.
FOLDER = "/var/run/secrets/aegis/provider"

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


def token_file(audience: str) -> str:
    """The projected ServiceAccount token for `audience`, as a path below the folder.

    An audience that is no plain file name (a URL) shows as its SHA-256.
    """
    plain = _PLAIN.fullmatch(audience) and ".." not in audience
    return "tokens/" + (audience if plain else "sha256-" + hashlib.sha256(audience.encode()).hexdigest())


def secret_file(key: SecretKey) -> str:
    """One key of a Secret, as a path below the folder."""
    return f"secrets/{key.name}/{key.key}"

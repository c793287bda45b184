"""What Kubernetes mounts in the sidecar for its provider: projected tokens and Secrets, read afresh at each use."""

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from aegis_api.names import Subject
from aegis_idp import mounts
from aegis_idp.errors import Misconfigured
from aegis_idp.values import Secret, SecretKey
from aegis_proxy.core.jws import parse
from aegis_proxy.core.token_refusal import TokenRefused

_LARGEST = 64 * 1024


@frozen
class PodFiles:
    """`token_file` is the main projected token, beside which lie those for other audiences (see `aegis_idp.mounts`)."""

    token_file: Path | None
    secrets_dir: Path

    def token(self, audience: str | None) -> Secret:
        """The token for `audience`, which may be the main one; None: the main one. Raises Misconfigured."""
        if self.token_file is None:
            raise Misconfigured("no ServiceAccount token is mounted: give its path with --token-file")
        if audience is not None and (other := self.token_file.parent / mounts.token_file(audience)).is_file():
            return _read(other, f"the ServiceAccount token for the audience {audience}")
        token = _read(self.token_file, "the ServiceAccount token")
        if audience is not None and audience not in _audiences(token):
            raise Misconfigured(
                f"no ServiceAccount token for the audience {audience} is mounted: create the pod anew, so that the "
                "webhook can add it"
            )
        return token

    def secret(self, key: SecretKey) -> Secret:
        return _read(self.secrets_dir / mounts.secret_file(key), f"the key {key.key} of the Secret {key.name}")


def _audiences(token: Secret) -> list[object]:
    try:
        audience = parse(token.reveal().encode()).unverified_claims.get("aud")
    except TokenRefused:
        return []
    return audience if isinstance(audience, list) else [audience]


def _read(path: Path, what: str) -> Secret:
    """The content of a small file without the white space around it. Raises Misconfigured."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{what} cannot be read from {path}: {_reason(error)}") from None
    if not text or len(content) > _LARGEST:
        raise Misconfigured(f"{what} cannot be used: {path} is empty or longer than {_LARGEST} bytes")
    return Secret(text)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it holds other bytes than ASCII"


@frozen
class PodTokenRequest:
    """A `values.TokenRequest` of this pod."""

    subject: Subject
    audience: str
    files: PodFiles
    metadata: Mapping[str, str] = field(factory=dict, hash=False)

    def service_account_token(self, audience: str | None = None) -> Secret:
        return self.files.token(audience)

    def secret(self, key: SecretKey) -> Secret:
        return self.files.secret(key)

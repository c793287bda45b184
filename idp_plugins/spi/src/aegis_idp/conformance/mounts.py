"""What a sidecar has mounted, as the host hands it to a plugin."""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured
from aegis_idp.values import Secret, SecretKey


class Mounts:
    """The projected tokens by audience, the first of which is the main one, and the mounted Secrets.

    `metadata` is what the last `provision` gave back, as the Identity's status holds it.

    `request(audience)` is what a plugin gets. `read` counts what was read, so that a test knows what a token cost.
    """

    def __init__(
        self,
        subject: Subject,
        tokens: Mapping[str, Secret],
        secrets: Mapping[SecretKey, Secret],
        metadata: Mapping[str, str] = {},
    ) -> None:
        self.subject = subject
        self.metadata = metadata
        self.tokens = dict(tokens)
        self.secrets = dict(secrets)
        self.read: list[str | SecretKey] = []

    def request(self, audience: str) -> "MountedRequest":
        return MountedRequest(self, audience)

    def all_secrets(self) -> tuple[Secret, ...]:
        return (*self.tokens.values(), *self.secrets.values())


class MountedRequest:
    """A `values.TokenRequest` that reads its mounts at each call."""

    def __init__(self, mounts: Mounts, audience: str) -> None:
        self._mounts = mounts
        self.subject = mounts.subject
        self.metadata = mounts.metadata
        self.audience = audience

    def service_account_token(self, audience: str | None = None) -> Secret:
        wanted = audience if audience is not None else next(iter(self._mounts.tokens), "")
        if wanted not in self._mounts.tokens:
            raise Misconfigured(f"no ServiceAccount token for the audience {wanted} is mounted")
        self._mounts.read.append(wanted)
        return self._mounts.tokens[wanted]

    def secret(self, key: SecretKey) -> Secret:
        if key not in self._mounts.secrets:
            raise Misconfigured(f"the key {key.key} of the Secret {key.name} is not mounted")
        self._mounts.read.append(key)
        return self._mounts.secrets[key]

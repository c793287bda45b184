"""The reconcile function's own identity, for tests without an API server."""

from pathlib import Path

from aegis_idp.values import Secret
from aegis_reconcile.cluster import ClusterError
from aegis_reconcile.host import Host, Minted


class AccountInMemory:
    """Numbers its tokens. `taken` are the audiences that the API server takes itself."""

    def __init__(self, *taken: str) -> None:
        self.taken = taken
        self.minted: list[str] = []
        self.failure: ClusterError | None = None

    def mint(self, audience: str) -> Minted:
        if self.failure:
            raise self.failure
        self.minted.append(audience)
        return Minted(Secret(f"token-{len(self.minted)} for {audience}"), 600.0)

    def is_taken(self, token: Secret) -> bool:
        return token.reveal().partition(" for ")[2] in self.taken


class Clock:
    """`now` in seconds, as a test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def host(account: AccountInMemory, secrets: Path = Path("/nonexistent"), clock: Clock | None = None) -> Host:
    return Host(account, clock or Clock(), secrets)


def no_host() -> Host:
    """For tests in which no plugin asks for a credential."""
    return host(AccountInMemory())

"""What this function shows to providers when it makes identities there: its own federated identity, or a stored secret.

A token is asked of the API server for each audience, as the function's own ServiceAccount: nothing is stored, and no
manifest lists audiences. Who writes a provider says where the token goes, so two things bound what it is worth there:

- A token that the API server itself takes is never given away.
- The IdentityProvider of a namespace is its users' own. Tokens for it have the address that they are sent to for their
  audience: of no use elsewhere. An audience that more than one place takes, as those of the clouds, is for a
  ClusterIdentityProvider, which administrators write. Which of both it is, the plugin says by what it asks for: Google
  Cloud's audience looks like an address, and is none.
"""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from attrs import define, field, frozen

from aegis_api.provider import AnyProvider, IdentityProvider
from aegis_api.reading import shown
from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.values import Secret
from aegis_reconcile.cluster import ClusterError, Rejected

# Renewed well before its end, for a call may take its time.
_KEPT = 0.8
_MOST_KEPT = 256
_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_SECRET = 64 * 1024


class ForAdministrators(Misconfigured):
    """The provider of a namespace asks for what is shown to those of the cluster alone. It was shown nothing, ever."""


@frozen
class Minted:
    """A token of this function's ServiceAccount, good for `seconds` from now on."""

    token: Secret
    seconds: float


class Account(Protocol):
    """This function's ServiceAccount at the API server. Both raise ClusterError."""

    def mint(self, audience: str) -> Minted: ...

    def is_taken(self, token: Secret) -> bool:
        """Whether the API server itself takes the token for a credential."""


@define
class Host:
    """Credentials for provisioning. `clock` gives seconds; `secrets` is the folder of the documented lesser way.

    Threads may share it. Its methods raise ProviderError.
    """

    account: Account
    clock: Callable[[], float]
    secrets: Path
    _tokens: dict[str, tuple[float, Secret]] = field(factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def token(self, provider: AnyProvider, audience: str) -> Secret:
        """The function's own token for an audience that more than one place takes, to show to `provider`."""
        if isinstance(provider, IdentityProvider):
            raise ForAdministrators(
                f"the function's own token for the audience {shown(audience)} would be good at more than one address: "
                "only a ClusterIdentityProvider may ask for it"
            )
        return self._token(audience)

    def token_at(self, address: str) -> Secret:
        """The function's own token for `address`, which alone it is sent to."""
        if not _is_address(address):
            raise Misconfigured(f"the function's own token is for an http or https URL, and {shown(address)} is none")
        return self._token(address)

    def _token(self, audience: str) -> Secret:
        with self._lock:
            until, token = self._tokens.get(audience, (float("-inf"), None))
            if token is None or self.clock() >= until:
                minted = self._mint(audience)
                token = minted.token
                if len(self._tokens) >= _MOST_KEPT:
                    self._tokens.clear()
                self._tokens[audience] = self.clock() + _KEPT * minted.seconds, token
        return token

    def _mint(self, audience: str) -> Minted:
        try:
            minted = self.account.mint(audience)
            taken = self.account.is_taken(minted.token)
        except Rejected as error:
            raise Misconfigured(
                f"no token of this function for the audience {shown(audience)}: {error}; its ServiceAccount must be "
                "allowed to create serviceaccounts/token of itself, by the Role aegis-reconcile in its namespace"
            ) from None
        except ClusterError as error:
            raise Unavailable(f"no token of this function for the audience {shown(audience)}: {error}") from None
        if taken:
            raise Misconfigured(
                f"the audience {shown(audience)} is the API server's own: a token for it is not shown to a provider"
            )
        return minted

    def secret(self, provider: AnyProvider, key: str) -> Secret:
        """A secret that the operator of the mesh stored for this provider, and for no other."""
        meta = provider.metadata
        space = meta.namespace if isinstance(provider, IdentityProvider) else "_cluster"
        file = f"{space}.{meta.name}.{key}"
        try:
            if not _KEY.fullmatch(key):
                raise ValueError
            with (self.secrets / file).open("rb") as opened:
                value = opened.read(_LONGEST_SECRET + 1).decode().strip()
            if not value or len(value) > _LONGEST_SECRET:
                raise ValueError
        except (OSError, ValueError):
            raise Misconfigured(
                f"there is no secret {key} for this provider: let it trust this function's own token, or put the key "
                f"{file} into the Secret aegis-provision of this function's namespace"
            ) from None
        return Secret(value)


def _is_address(audience: str) -> bool:
    try:
        parts = urlsplit(audience)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)

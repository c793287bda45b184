"""The values that plugins and their hosts exchange."""

from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import field, frozen

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured


class Secret:
    """A token, key or password. Only `reveal` gives it away: text, repr, pickles and tracebacks do not."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


def _lifetime(_: object, __: object, seconds: int) -> None:
    if not 600 <= seconds <= 86400:
        raise ValueError(f"a projected token lives 600 to 86400 seconds, not {seconds}")


@frozen
class ProjectedToken:
    """A ServiceAccount token that the kubelet projects into the sidecar and renews."""

    audience: str
    expiration_seconds: int = field(default=3600, validator=_lifetime)


@frozen
class SecretKey:
    """One key of a Kubernetes Secret of the pod's namespace, mounted in the sidecar only."""

    name: str
    key: str


@frozen
class PodNeeds:
    """What the sidecar of a pod must have mounted so that `acquire` can work.

    The first token is the pod's main one (`--token-file`), which `TokenRequest.service_account_token()` reads.
    """

    tokens: tuple[ProjectedToken, ...] = ()
    secrets: tuple[SecretKey, ...] = ()


@frozen
class PodContext:
    """The pod that asks: its subject, the audience of its provider, and the hosts that may receive its token."""

    subject: Subject
    audience: str
    audience_per_destination: bool
    hosts: tuple[HostPattern, ...]


class TokenRequest(Protocol):
    """A token is wanted for `subject`, for `audience`. The files behind it are read afresh at each call.

    `metadata` is what `provision` gave back for this identity, empty as long as it did not.
    """

    @property
    def subject(self) -> Subject: ...

    @property
    def audience(self) -> str: ...

    @property
    def metadata(self) -> Mapping[str, str]: ...

    def service_account_token(self, audience: str | None = None) -> Secret:
        """The pod's projected token: the main one, or the one for `audience`. Raises errors.Misconfigured if absent."""

    def secret(self, key: SecretKey) -> Secret:
        """A mounted Secret's value. Raises errors.Misconfigured if absent."""


@frozen
class KeySetUrl:
    """The address of a JWK Set (RFC 7517 section 5).

    `as_pod`: it lies on the cluster's API server, which wants the pod's own credentials.
    """

    url: str
    as_pod: bool = False


@frozen
class KeySetDocument:
    """A JWK Set at hand, as parsed JSON."""

    document: Mapping[str, object] = field(repr=False, hash=False)


ASYMMETRIC_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)


def _algorithms(_: object, __: object, value: frozenset[str]) -> None:
    if not value or not value <= ASYMMETRIC_ALGORITHMS:
        raise ValueError(f"algorithms are some of {sorted(ASYMMETRIC_ALGORITHMS)}, not {sorted(value)}")


@frozen
class Trust:
    """Whose tokens are good: compared with a token's `iss` byte for byte, its signature checked with these keys alone.

    `types` are the values of the `typ` header (RFC 7515 section 4.1.9), lower case, that are good beside an absent one
    and `JWT`. `max_lifetime` bounds how far `exp` may lie ahead, in seconds.
    """

    issuer: str
    key_set: KeySetUrl | KeySetDocument
    algorithms: frozenset[str] = field(validator=_algorithms)
    types: frozenset[str] = frozenset({"at+jwt"})
    max_lifetime: int = 86400


@frozen
class Principal:
    """Who a token is of, by an id that the provider chose: a token of that provider cannot say more.

    The host knows whose id it is: `provision` gave it back under the key `PRINCIPAL`.
    """

    id: str


PRINCIPAL = "principal"
"""The key of `Provisioned.metadata` that holds the id of an identity whose tokens lead to a `Principal`."""


@frozen
class Owner:
    """The mark on all that is made at a provider: the cluster's and the Identity's own id."""

    cluster: str
    uid: str


def _no_token(audience: str) -> Secret:
    raise Misconfigured(f"this host has no ServiceAccount token for the audience {audience} to show to the provider")


def _no_secret(key: str) -> Secret:
    raise Misconfigured(f"this host has no secret {key} to show to the provider")


@frozen
class ProvisionRequest:
    """Make (or remove) `subject` at the provider.

    `metadata` is what the last run gave back; empty at first, and whenever a run broke off before that was stored.

    `hosts` and the audience fields say which tokens it will ask for.

    `host_token_at` gives the host's own ServiceAccount token for an address, which is its audience and the one place
    that it is sent to: what is shown to the provider, so that no admin's password need be stored. `host_token` gives
    one for an audience that more than one place takes, like a constant of the vendor: who writes the settings of a
    provider says where it goes, so it is for those of administrators alone (ClusterIdentityProvider). `host_secret`
    gives what an operator stored for this very provider (lower case words with dashes name it): the lesser way, where a
    provider trusts no tokens. All raise ProviderError.
    """

    subject: Subject
    owner: Owner
    audience: str
    audience_per_destination: bool
    hosts: tuple[HostPattern, ...]
    metadata: Mapping[str, str] = field(factory=dict, hash=False)
    host_token: Callable[[str], Secret] = field(default=_no_token, repr=False, eq=False)
    host_token_at: Callable[[str], Secret] = field(default=_no_token, repr=False, eq=False)
    host_secret: Callable[[str], Secret] = field(default=_no_secret, repr=False, eq=False)


@frozen
class Provisioned:
    """`metadata` (ids at the provider, no secrets) is kept in the Identity's status and handed in at the next run."""

    metadata: Mapping[str, str] = field(factory=dict, hash=False)

"""Key sets (RFC 7517): which of an issuer's published keys verify, and what each of them verifies.

A key that is not fit is dropped alone, with a reason; the others stay. There is no fallback key.
"""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature

from aegis_proxy.core.jwk import Check, Unfit, UnfitError, checks_of, kid_of
from aegis_proxy.core.token_refusal import quoted

# Each RSA key costs tens of microseconds to load, while requests wait.
MAX_KEYS = 1000


class KeySetError(ValueError):
    """A document that is no JWK Set (RFC 7517 section 5): whatever answered is not the issuer's `jwks_uri`."""


@frozen
class Dropped:
    """A key that is not used: its place in the document, its `kid` fit for a log (or empty), and the reason."""

    index: int
    kid: str
    reason: Unfit


@frozen(eq=False)
class Key:
    """A public key with the algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1) that it may verify."""

    kid: str | None
    _checks: Mapping[str, Check] = field(repr=False)

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset(self._checks)

    def may_verify(self, algorithm: str) -> bool:
        return algorithm in self._checks

    def verify(self, signing_input: bytes, signature: bytes, algorithm: str) -> bool:
        """Whether `signature` is this key's over `signing_input`. False for an algorithm that is not the key's."""
        check = self._checks.get(algorithm)
        try:
            return check is not None and check(signature, signing_input)
        except InvalidSignature:
            return False


@frozen(eq=False)
class KeySet:
    """The usable keys of one issuer: by `kid`, and those without one. Both may be empty."""

    by_kid: Mapping[str, Key] = field(factory=dict)
    without_kid: tuple[Key, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    @property
    def size(self) -> int:
        """How many keys can be used."""
        return len(self.by_kid) + len(self.without_kid)

    @property
    def empty(self) -> bool:
        return not self.by_kid and not self.without_kid

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key of that `kid`, whatever it may verify; without one, the only key for `algorithm`, if there is one."""
        if kid is not None:
            return self.by_kid.get(kid)
        fitting = [key for key in (*self.by_kid.values(), *self.without_kid) if key.may_verify(algorithm)]
        return fitting[0] if len(fitting) == 1 else None


def read_key_set(document: object, algorithms: frozenset[str]) -> KeySet:
    """The keys of a JWK Set (parsed JSON) that can verify one of `algorithms`. Raises KeySetError if it is none."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise KeySetError("got a document that is no JWK Set, wanted an object with a list `keys`")
    kids = Counter(kid for entry in entries if isinstance(kid := _raw_kid(entry), str))
    by_kid: dict[str, Key] = {}
    without_kid: list[Key] = []
    dropped: list[Dropped] = []
    for index, entry in enumerate(entries[:MAX_KEYS]):
        try:
            key = _read_key(entry, algorithms)
            if key.kid is None:
                without_kid.append(key)
            elif kids[key.kid] > 1:
                raise UnfitError(Unfit.DUPLICATE_KID)
            else:
                by_kid[key.kid] = key
        except UnfitError as unfit:
            dropped.append(Dropped(index, quoted(kid) if isinstance(kid := _raw_kid(entry), str) else "", unfit.reason))
    if len(entries) > MAX_KEYS:
        dropped.append(Dropped(MAX_KEYS, "", Unfit.TOO_MANY))
    return KeySet(MappingProxyType(by_kid), tuple(without_kid), tuple(dropped))


def _read_key(entry: object, algorithms: frozenset[str]) -> Key:
    if not isinstance(entry, Mapping):
        raise UnfitError(Unfit.MALFORMED)
    return Key(kid_of(entry), MappingProxyType(checks_of(entry, algorithms)))


def _raw_kid(entry: object) -> object:
    return entry.get("kid") if isinstance(entry, Mapping) else None

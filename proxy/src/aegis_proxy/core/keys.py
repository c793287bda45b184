"""Key sets (RFC 7517): which of an issuer's published keys may verify, and what each of them may verify.

A key that is not fit is dropped alone, with a reason; the others stay. There is no fallback key.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from math import gcd, prod
from types import MappingProxyType

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from aegis_proxy.core.jws import MAX_KEY_ID_LENGTH, decode_base64url
from aegis_proxy.core.token_refusal import quoted

# Each RSA key costs tens of microseconds to load, while requests wait.
MAX_KEYS = 1000
_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192
_MAX_EXPONENT = 2**32 - 1

_HASHES: Mapping[str, HashAlgorithm] = {"256": SHA256(), "384": SHA384(), "512": SHA512()}
_CURVES: Mapping[str, tuple[EllipticCurve, str, HashAlgorithm]] = {
    "P-256": (SECP256R1(), "ES256", SHA256()),
    "P-384": (SECP384R1(), "ES384", SHA384()),
    "P-521": (SECP521R1(), "ES512", SHA512()),
}
_EDWARDS: Mapping[str, type[Ed25519PublicKey] | type[Ed448PublicKey]] = {
    "Ed25519": Ed25519PublicKey,
    "Ed448": Ed448PublicKey,
}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})

_Entry = Mapping[object, object]
# Takes a signature and what it signs. Returns False or raises InvalidSignature where they do not fit.
_Check = Callable[[bytes, bytes], bool]


class KeySetError(ValueError):
    """A document that is no JWK Set (RFC 7517 section 5): whatever answered is not the issuer's `jwks_uri`."""


class Unfit(StrEnum):
    """Why a published key is not used. The values are stable and appear in logs."""

    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    SYMMETRIC = "symmetric"
    # Published with its private part: anybody can sign with it.
    PRIVATE = "private"
    # By its `use` or `key_ops` (RFC 7517 sections 4.2 and 4.3) it is for something else.
    NOT_FOR_VERIFYING = "not_for_verifying"
    # Its `alg` does not go with its `kty` and `crv`, or is not among the provider's algorithms.
    WRONG_ALGORITHM = "wrong_algorithm"
    WEAK = "weak"
    OVERSIZED = "oversized"
    OFF_CURVE = "off_curve"
    DUPLICATE_KEY_ID = "duplicate_key_id"
    TOO_MANY = "too_many"


@frozen
class Dropped:
    """A key that is not used: its place in the document, its `kid` fit for a log (or empty), and the reason."""

    index: int
    key_id: str
    reason: Unfit


@frozen(eq=False)
class Key:
    """A public key with the algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1) that it may verify."""

    key_id: str | None
    _checks: Mapping[str, _Check] = field(repr=False)

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

    by_id: Mapping[str, Key] = field(factory=dict)
    without_id: tuple[Key, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.by_id and not self.without_id

    def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key of that `kid`, whatever it may verify; without one, the only key for `algorithm`, if there is one."""
        if key_id is not None:
            return self.by_id.get(key_id)
        fitting = [key for key in (*self.by_id.values(), *self.without_id) if key.may_verify(algorithm)]
        return fitting[0] if len(fitting) == 1 else None


def read_key_set(document: object, algorithms: frozenset[str]) -> KeySet:
    """The keys of a JWK Set (parsed JSON) that can verify one of `algorithms`. Raises KeySetError if it is none."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise KeySetError("got a document that is no JWK Set, wanted an object with a list `keys`")
    times = Counter(_key_id_text(entry) for entry in entries)
    by_id: dict[str, Key] = {}
    without_id: list[Key] = []
    dropped: list[Dropped] = []
    for index, entry in enumerate(entries[:MAX_KEYS]):
        try:
            key = _read_key(entry, algorithms)
            if key.key_id is None:
                without_id.append(key)
            elif times[key.key_id] > 1:
                raise _UnfitError(Unfit.DUPLICATE_KEY_ID)
            else:
                by_id[key.key_id] = key
        except _UnfitError as unfit:
            dropped.append(Dropped(index, quoted(_key_id_text(entry)), unfit.reason))
    if len(entries) > MAX_KEYS:
        dropped.append(Dropped(MAX_KEYS, "", Unfit.TOO_MANY))
    return KeySet(MappingProxyType(by_id), tuple(without_id), tuple(dropped))


class _UnfitError(Exception):
    def __init__(self, reason: Unfit) -> None:
        super().__init__(reason.value)
        self.reason = reason


def _key_id_text(entry: object) -> str:
    key_id = entry.get("kid") if isinstance(entry, Mapping) else None
    return key_id if isinstance(key_id, str) else ""


def _read_key(entry: object, algorithms: frozenset[str]) -> Key:
    if not isinstance(entry, Mapping):
        raise _UnfitError(Unfit.MALFORMED)
    if entry.get("kty") == "oct":
        raise _UnfitError(Unfit.SYMMETRIC)
    if not _PRIVATE_MEMBERS.isdisjoint(entry):
        raise _UnfitError(Unfit.PRIVATE)
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise _UnfitError(Unfit.NOT_FOR_VERIFYING)
    key_id = _optional_text(entry, "kid")
    if key_id is not None and not 0 < len(key_id) <= MAX_KEY_ID_LENGTH:
        raise _UnfitError(Unfit.MALFORMED)
    read = _READERS.get(_optional_text(entry, "kty") or "")
    if read is None:
        raise _UnfitError(Unfit.UNSUPPORTED)
    only = _optional_text(entry, "alg")
    wanted = algorithms if only is None else algorithms & {only}
    checks = {algorithm: check for algorithm, check in read(entry).items() if algorithm in wanted}
    if not checks:
        raise _UnfitError(Unfit.WRONG_ALGORITHM)
    return Key(key_id, MappingProxyType(checks))


def _optional_text(entry: _Entry, name: str) -> str | None:
    if name not in entry:
        return None
    text = entry[name]
    if not isinstance(text, str):
        raise _UnfitError(Unfit.MALFORMED)
    return text


def _octets(text: str | None) -> bytes:
    try:
        return decode_base64url((text or "").encode("ascii"))
    except ValueError:
        raise _UnfitError(Unfit.MALFORMED) from None


def _read_rsa(entry: _Entry) -> dict[str, _Check]:
    modulus, exponent = _octets(_modulus_text(entry)), _octets(_optional_text(entry, "e"))
    n, e = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
    if n.bit_length() > _MAX_RSA_BITS or e > _MAX_EXPONENT:
        raise _UnfitError(Unfit.OVERSIZED)
    if n.bit_length() < _MIN_RSA_BITS or e < 3 or e % 2 == 0 or _is_weak(n):
        raise _UnfitError(Unfit.WEAK)
    public = RSAPublicNumbers(e, n).public_key()
    checks = {"RS" + bits: _pkcs1(public, digest) for bits, digest in _HASHES.items()}
    return checks | {"PS" + bits: _pss(public, digest) for bits, digest in _HASHES.items()}


def _modulus_text(entry: _Entry) -> str | None:
    """`n` in base64url. Cognito writes it in standard base64, with the leading zero byte of DER's signed integers."""
    text = _optional_text(entry, "n")
    if text is None or "-" in text or "_" in text:
        return text
    return text.rstrip("=").translate({ord("+"): "-", ord("/"): "_"})


_SMALL_PRIMES = tuple(p for p in range(3, 168, 2) if all(p % q for q in range(3, p, 2)))
_SMALL_FACTORS = 2 * prod(_SMALL_PRIMES)
_ROCA_PRINTS = tuple((p, frozenset(pow(65537, power, p) for power in range(p))) for p in _SMALL_PRIMES)


def _is_weak(n: int) -> bool:
    """Whether a modulus has a small factor, or the fingerprint of ROCA: modulo every small prime a power of 65537.

    Nemec et al., "The Return of Coppersmith's Attack", 2017, section 3.2. Of random moduli, one in 2^27 has it.
    """
    return gcd(n, _SMALL_FACTORS) != 1 or all(n % prime in powers for prime, powers in _ROCA_PRINTS)


def _pkcs1(public: RSAPublicKey, digest: HashAlgorithm) -> _Check:
    padding = PKCS1v15()

    def check(signature: bytes, signed: bytes) -> bool:
        public.verify(signature, signed, padding, digest)
        return True

    return check


def _pss(public: RSAPublicKey, digest: HashAlgorithm) -> _Check:
    # RFC 7518 section 3.5: MGF1 with the same hash, and a salt as long as the hash.
    padding = PSS(MGF1(digest), digest.digest_size)

    def check(signature: bytes, signed: bytes) -> bool:
        public.verify(signature, signed, padding, digest)
        return True

    return check


def _read_ec(entry: _Entry) -> dict[str, _Check]:
    found = _CURVES.get(_optional_text(entry, "crv") or "")
    if found is None:
        raise _UnfitError(Unfit.UNSUPPORTED)
    curve, algorithm, digest = found
    size = (curve.key_size + 7) // 8
    x, y = _octets(_optional_text(entry, "x")), _octets(_optional_text(entry, "y"))
    if len(x) != size or len(y) != size:
        raise _UnfitError(Unfit.MALFORMED)
    try:
        public = EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key()
    except ValueError:
        raise _UnfitError(Unfit.OFF_CURVE) from None
    return {algorithm: _ecdsa(public, size, digest)}


def _ecdsa(public: EllipticCurvePublicKey, size: int, digest: HashAlgorithm) -> _Check:
    scheme, order = ECDSA(digest), public.curve.group_order

    def check(signature: bytes, signed: bytes) -> bool:
        # RFC 7518 section 3.4: r and s in full length, one after the other.
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        if len(signature) != 2 * size or not (0 < r < order and 0 < s < order):
            return False
        public.verify(encode_dss_signature(r, s), signed, scheme)
        return True

    return check


def _read_okp(entry: _Entry) -> dict[str, _Check]:
    kind = _EDWARDS.get(_optional_text(entry, "crv") or "")
    if kind is None:
        raise _UnfitError(Unfit.UNSUPPORTED)
    try:
        return {"EdDSA": _eddsa(kind.from_public_bytes(_octets(_optional_text(entry, "x"))))}
    except ValueError:
        raise _UnfitError(Unfit.MALFORMED) from None


def _eddsa(public: Ed25519PublicKey | Ed448PublicKey) -> _Check:
    def check(signature: bytes, signed: bytes) -> bool:
        public.verify(signature, signed)
        return True

    return check


_READERS: Mapping[str, Callable[[_Entry], dict[str, _Check]]] = {"RSA": _read_rsa, "EC": _read_ec, "OKP": _read_okp}

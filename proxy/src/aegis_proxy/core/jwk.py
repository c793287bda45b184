"""One key of a key set (RFC 7517): whether it is fit to verify signatures, and how it does.

Signatures are checked as RFC 7518 section 3 and RFC 8037 section 3.1 write them, with nothing to choose.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from math import gcd, prod

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

from aegis_proxy.core.jws import MAX_KID_LENGTH, decode_base64url

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

Jwk = Mapping[str, object]
# Takes a signature and what it signs. Returns False or raises InvalidSignature where they do not fit.
Check = Callable[[bytes, bytes], bool]


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
    # One of several with the same `kid`: which of them is meant cannot be known.
    DUPLICATE_KID = "duplicate_kid"
    TOO_MANY = "too_many"


class UnfitError(Exception):
    """This key cannot be used."""

    def __init__(self, reason: Unfit) -> None:
        super().__init__(reason.value)
        self.reason = reason


def kid_of(jwk: Jwk) -> str | None:
    """The name of a key. Raises UnfitError(MALFORMED) for one that no token can name."""
    kid = _optional_text(jwk, "kid")
    if kid is not None and not 0 < len(kid) <= MAX_KID_LENGTH:
        raise UnfitError(Unfit.MALFORMED)
    return kid


def checks_of(jwk: Jwk, algorithms: frozenset[str]) -> dict[str, Check]:
    """How this key verifies, by algorithm: at least one of `algorithms`. Raises UnfitError."""
    if jwk.get("kty") == "oct":
        raise UnfitError(Unfit.SYMMETRIC)
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise UnfitError(Unfit.PRIVATE)
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise UnfitError(Unfit.NOT_FOR_VERIFYING)
    read = _READERS.get(_text(jwk, "kty"))
    if read is None:
        raise UnfitError(Unfit.UNSUPPORTED)
    only = _optional_text(jwk, "alg")
    wanted = algorithms if only is None else algorithms & {only}
    checks = {algorithm: check for algorithm, check in read(jwk).items() if algorithm in wanted}
    if not checks:
        raise UnfitError(Unfit.WRONG_ALGORITHM)
    return checks


def _optional_text(jwk: Jwk, name: str) -> str | None:
    return _text(jwk, name) if name in jwk else None


def _text(jwk: Jwk, name: str) -> str:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise UnfitError(Unfit.MALFORMED)
    return text


def _octets(text: str) -> bytes:
    try:
        return decode_base64url(text.encode("ascii"))
    except ValueError:
        raise UnfitError(Unfit.MALFORMED) from None


def _read_rsa(jwk: Jwk) -> dict[str, Check]:
    modulus, exponent = _octets(_modulus_text(jwk)), _octets(_text(jwk, "e"))
    n, e = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
    if n.bit_length() > _MAX_RSA_BITS or e > _MAX_EXPONENT:
        raise UnfitError(Unfit.OVERSIZED)
    if n.bit_length() < _MIN_RSA_BITS or e < 3 or e % 2 == 0 or _is_weak(n):
        raise UnfitError(Unfit.WEAK)
    public = RSAPublicNumbers(e, n).public_key()
    checks = {"RS" + bits: _pkcs1(public, digest) for bits, digest in _HASHES.items()}
    return checks | {"PS" + bits: _pss(public, digest) for bits, digest in _HASHES.items()}


def _modulus_text(jwk: Jwk) -> str:
    """`n` in base64url. Cognito writes it in standard base64, with the leading zero byte of DER's signed integers."""
    text = _text(jwk, "n")
    if "-" in text or "_" in text:
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


def _pkcs1(public: RSAPublicKey, digest: HashAlgorithm) -> Check:
    padding = PKCS1v15()

    def check(signature: bytes, signed: bytes) -> bool:
        public.verify(signature, signed, padding, digest)
        return True

    return check


def _pss(public: RSAPublicKey, digest: HashAlgorithm) -> Check:
    # RFC 7518 section 3.5: MGF1 with the same hash, and a salt as long as the hash.
    padding = PSS(MGF1(digest), digest.digest_size)

    def check(signature: bytes, signed: bytes) -> bool:
        public.verify(signature, signed, padding, digest)
        return True

    return check


def _read_ec(jwk: Jwk) -> dict[str, Check]:
    found = _CURVES.get(_text(jwk, "crv"))
    if found is None:
        raise UnfitError(Unfit.UNSUPPORTED)
    curve, algorithm, digest = found
    size = (curve.key_size + 7) // 8
    x, y = _octets(_text(jwk, "x")), _octets(_text(jwk, "y"))
    if len(x) != size or len(y) != size:
        raise UnfitError(Unfit.MALFORMED)
    try:
        public = EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key()
    except ValueError:
        raise UnfitError(Unfit.OFF_CURVE) from None
    return {algorithm: _ecdsa(public, size, digest)}


def _ecdsa(public: EllipticCurvePublicKey, size: int, digest: HashAlgorithm) -> Check:
    scheme, order = ECDSA(digest), public.curve.group_order

    def check(signature: bytes, signed: bytes) -> bool:
        # RFC 7518 section 3.4: r and s in full length, one after the other.
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        if len(signature) != 2 * size or not (0 < r < order and 0 < s < order):
            return False
        public.verify(encode_dss_signature(r, s), signed, scheme)
        return True

    return check


def _read_okp(jwk: Jwk) -> dict[str, Check]:
    kind = _EDWARDS.get(_text(jwk, "crv"))
    if kind is None:
        raise UnfitError(Unfit.UNSUPPORTED)
    try:
        return {"EdDSA": _eddsa(kind.from_public_bytes(_octets(_text(jwk, "x"))))}
    except ValueError:
        raise UnfitError(Unfit.MALFORMED) from None


def _eddsa(public: Ed25519PublicKey | Ed448PublicKey) -> Check:
    def check(signature: bytes, signed: bytes) -> bool:
        public.verify(signature, signed)
        return True

    return check


_READERS: Mapping[str, Callable[[Jwk], dict[str, Check]]] = {"RSA": _read_rsa, "EC": _read_ec, "OKP": _read_okp}

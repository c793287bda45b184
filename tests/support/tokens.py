"""Tokens for tests: real keys, real signatures, and every way to make a token slightly wrong."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from attrs import evolve, field, frozen
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from aegis_api.names import Subject
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import ASYMMETRIC_ALGORITHMS
from aegis_proxy.core.keys import KeySet, read_key_set
from aegis_proxy.core.snapshot import Audiences, Authority
from support.secret_search import remember

NOW = 1_790_000_000.0
ISSUER = "https://issuer.example"
AUDIENCE = "aegis"
SUBJECT = "system:serviceaccount:shop:identity01"

_CURVES: Mapping[str, type[ec.EllipticCurve]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
_CURVE_NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_HASHES: Mapping[str, HashAlgorithm] = {"256": SHA256(), "384": SHA384(), "512": SHA512()}


def b64(value: bytes) -> bytes:
    """Unpadded base64url."""
    return urlsafe_b64encode(value).rstrip(b"=")


def b64_text(value: bytes) -> str:
    return b64(value).decode()


def b64_number(number: int, size: int | None = None) -> str:
    """A number as JWKs write it, in `size` bytes or in as few as it needs."""
    return b64_text(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same key for the same `number`: they are slow to make."""
    return _rsa_key(number, bits)


@cache
def _rsa_key(number: int, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def _private(algorithm: str, number: int) -> Any:
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return rsa_key(number)


@frozen
class SigningKey:
    """A private key that signs with `algorithm`, which is `Ed448` for EdDSA on that curve."""

    algorithm: str
    kid: str | None
    private: Any = field(repr=False)

    @property
    def alg(self) -> str:
        """The header's `alg`."""
        return "EdDSA" if self.algorithm == "Ed448" else self.algorithm

    def jwk(self, **changes: object) -> dict[str, object]:
        """The public key (RFC 7517); a change to None removes the member."""
        members = {"kid": self.kid, "alg": self.alg, "use": "sig", **self._public(), **changes}
        return {name: value for name, value in members.items() if value is not None}

    def _public(self) -> dict[str, object]:
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {"kty": "RSA", "n": b64_number(numbers.n), "e": b64_number(numbers.e)}
        if isinstance(public, ec.EllipticCurvePublicKey):
            point, size = public.public_numbers(), (public.curve.key_size + 7) // 8
            x, y = b64_number(point.x, size), b64_number(point.y, size)
            return {"kty": "EC", "crv": _CURVE_NAMES[self.algorithm], "x": x, "y": y}
        crv = "Ed448" if self.algorithm == "Ed448" else "Ed25519"
        return {"kty": "OKP", "crv": crv, "x": b64_text(public.public_bytes_raw())}

    def sign(self, data: bytes) -> bytes:
        """A signature as a JWS holds it (RFC 7518 section 3)."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            size = (self.private.curve.key_size + 7) // 8
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(_HASHES[self.algorithm[2:]])))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if not isinstance(self.private, rsa.RSAPrivateKey):
            signature: bytes = self.private.sign(data)
            return signature
        digest = _HASHES[self.algorithm[2:]]
        if self.algorithm.startswith("PS"):
            return self.private.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return self.private.sign(data, padding.PKCS1v15(), digest)


def signing_key(algorithm: str = "ES256", kid: str | None = "k1", number: int = 0) -> SigningKey:
    """A key. The same `algorithm` and `number` is the same private key; all RSA algorithms share theirs."""
    return SigningKey(algorithm, kid, _private(algorithm, number))


def claims(**changes: object) -> dict[str, object]:
    """Claims that are good at NOW; a change to `...` removes the claim."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": int(NOW), "nbf": int(NOW), "exp": int(NOW) + 60}
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def mint(
    key: SigningKey | None = None,
    payload: Mapping[str, object] | bytes | None = None,
    header: Mapping[str, object] | bytes | None = None,
    *,
    signature: bytes | Callable[[bytes], bytes] | None = None,
) -> bytes:
    """A token. `header` changes members (`...` removes one); bytes for header or payload are the JSON as it is.

    `signature` replaces the key's own: bytes, or what to make of the signing input.
    """
    key = key or signing_key()
    if not isinstance(header, bytes):
        members = {"alg": key.alg, "typ": "JWT", "kid": ... if key.kid is None else key.kid, **(header or {})}
        header = json.dumps({name: value for name, value in members.items() if value is not ...}).encode()
    if not isinstance(payload, bytes):
        payload = json.dumps(claims() if payload is None else payload).encode()
    return sealed(b64(header), b64(payload), key, signature=signature)


def sealed(
    header: bytes,
    payload: bytes,
    key: SigningKey | None = None,
    *,
    signature: bytes | Callable[[bytes], bytes] | None = None,
) -> bytes:
    """A token of two segments as they are, signed over exactly these bytes."""
    signed = header + b"." + payload
    if not isinstance(signature, bytes):
        signature = (signature or (key or signing_key()).sign)(signed)
        remember(b64_text(signature))
    return signed + b"." + b64(signature)


def key_set(*keys: SigningKey) -> KeySet:
    return read_key_set({"keys": [key.jwk() for key in keys]}, ASYMMETRIC_ALGORITHMS)


def subject_of_sub(members: Mapping[str, object]) -> Subject:
    """What a plain plugin does: the subject is `sub`."""
    sub = members.get("sub")
    if not isinstance(sub, str):
        raise ClaimRefused("the token has no sub")
    try:
        return Subject.parse(sub)
    except ValueError as error:
        raise ClaimRefused(str(error)) from error


_AUTHORITY = Authority(
    provider="local",
    issuer=ISSUER,
    audiences=Audiences(frozenset({AUDIENCE})),
    algorithms=ASYMMETRIC_ALGORITHMS,
    types=frozenset({"at+jwt"}),
    max_lifetime=86400,
    keys=KeySet(),
    subject=subject_of_sub,
)


def authority(*keys: SigningKey, **changes: Any) -> Authority:
    """A provider that publishes `keys`, by default `signing_key()`."""
    return evolve(_AUTHORITY, **{"keys": key_set(*(keys or (signing_key(),))), **changes})


def authorities(*keys: SigningKey, **changes: Any) -> dict[str, Authority]:
    """The one provider of `authority`, by its issuer."""
    only = authority(*keys, **changes)
    return {only.issuer: only}

"""Signing keys of the servers that tests run: real keys, real signatures."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_CURVES: Mapping[str, type[ec.EllipticCurve]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1}


@frozen
class SigningKey:
    """A private key that signs with one algorithm, under one key id."""

    algorithm: str
    kid: str
    private: Any = field(repr=False)

    @classmethod
    def make(cls, algorithm: str = "ES256") -> "SigningKey":
        """A fresh key for RS256, RS384, RS512, ES256 or ES384 (RFC 7518 section 3.1)."""
        kid = secrets.token_hex(8)
        if algorithm in _CURVES:
            return cls(algorithm, kid, ec.generate_private_key(_CURVES[algorithm]()))
        return cls(algorithm, kid, rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def jwk(self) -> dict[str, object]:
        """The public key (RFC 7517)."""
        kind = jwt.algorithms.ECAlgorithm if self.algorithm in _CURVES else jwt.algorithms.RSAAlgorithm
        public: dict[str, object] = json.loads(kind.to_jwk(self.private.public_key()))
        return {**public, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def sign(self, claims: Mapping[str, object], **header: str) -> str:
        """A JWT (RFC 7519) with these claims, in compact form."""
        return jwt.encode(dict(claims), self.private, self.algorithm, {"kid": self.kid, **header})


class KeyRing:
    """The keys of an issuer: the newest signs, and all that are not withdrawn are published."""

    def __init__(self, algorithm: str = "ES256") -> None:
        self._keys = [SigningKey.make(algorithm)]

    @property
    def current(self) -> SigningKey:
        return self._keys[-1]

    def rotate(self, *, overlap: bool = True) -> None:
        """Signs with a new key from now on; without `overlap` the old ones are withdrawn at once."""
        fresh = SigningKey.make(self.current.algorithm)
        self._keys = [*self._keys, fresh] if overlap else [fresh]

    def key_set(self) -> dict[str, object]:
        """The JWK Set (RFC 7517 section 5)."""
        return {"keys": [key.jwk() for key in self._keys]}

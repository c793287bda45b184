"""ServiceAccount tokens: the signing keys, and the claims as Kubernetes sets them. Pure but for making keys."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
from attrs import field, frozen
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from aegis_local.kube.objects import Object

ALGORITHM = "RS256"
# A pod's token for the API itself lives longer than it says, so that old clients which never re-read it go on.
WARN_ONLY_SECONDS = 3607
EXTENDED_SECONDS = 365 * 24 * 3600


class InvalidTokenError(Exception):
    """The token is not one of ours, not valid now, or not for the audience. The text never holds the token."""


@frozen
class SigningKey:
    """An RSA key pair; `kid` is that of kube-apiserver: the SHA-256 of the public key's DER."""

    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)

    def public_jwk(self) -> Object:
        numbers = self.private.public_key().public_numbers()
        return {
            "use": "sig",
            "kty": "RSA",
            "kid": self.kid,
            "alg": ALGORITHM,
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        }


def make_signing_key() -> SigningKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(_base64url(hashlib.sha256(der).digest()), private)


def _number(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@frozen
class Bound:
    """What a token is bound to: it ends with this object. `kind` is pod or secret."""

    kind: str
    name: str
    uid: str


def claims(
    issuer: str,
    account: Object,
    audiences: Iterable[str],
    seconds: int,
    bound: Bound | None,
    now: int,
    token_id: str,
    warn_after: int | None,
) -> Object:
    """The claims of a bound ServiceAccount token. Times are in seconds since the epoch."""
    meta = account["metadata"]
    private: Object = {"namespace": meta["namespace"], "serviceaccount": {"name": meta["name"], "uid": meta["uid"]}}
    if bound:
        private[bound.kind] = {"name": bound.name, "uid": bound.uid}
    if warn_after is not None:
        private["warnafter"] = warn_after
    return {
        "aud": list(audiences),
        "exp": now + seconds,
        "iat": now,
        "iss": issuer,
        "jti": token_id,
        "kubernetes.io": dict(sorted(private.items())),
        "nbf": now,
        "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
    }


class TokenIssuer:
    """Signs and verifies. After a rotation, tokens of older keys stay good until `retire` drops those keys."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._keys = [make_signing_key()]

    def sign(self, payload: Object) -> str:
        key = self._keys[0]
        return jwt.encode(payload, key.private, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": None})

    def verify(
        self, unverified_token: str, audiences: Iterable[str], now: float
    ) -> tuple[Mapping[str, Any], list[str]]:
        """The claims, and those of `audiences` that the token is for. Raises InvalidTokenError."""
        try:
            header = jwt.get_unverified_header(unverified_token)
            key = next((key for key in self._keys if key.kid == header.get("kid")), None)
            if key is None:
                raise InvalidTokenError("the token is signed by a key that this server does not have")
            payload = jwt.decode(
                unverified_token,
                key.private.public_key(),
                algorithms=[ALGORITHM],
                issuer=self.issuer,
                options={
                    "require": ["exp", "iat", "nbf", "aud", "sub"],
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError(f"the token is not valid: {type(error).__name__}") from None
        if not payload["nbf"] <= now + 1 or now >= payload["exp"]:
            raise InvalidTokenError("the token has expired or is not valid yet")
        matching = [audience for audience in audiences if audience in payload["aud"]]
        if not matching:
            raise InvalidTokenError("the token is for another audience")
        return payload, matching

    def rotate(self) -> None:
        """Sign with a new key from now on; the older ones stay published."""
        self._keys.insert(0, make_signing_key())

    def retire(self) -> None:
        """Forget all keys but the one that signs."""
        del self._keys[1:]

    def jwks(self) -> Object:
        return {"keys": [key.public_jwk() for key in self._keys]}

    def discovery(self) -> Object:
        """The OpenID Provider metadata, as kube-apiserver serves it."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }

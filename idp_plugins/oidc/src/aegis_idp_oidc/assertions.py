"""Assertions that a client signs itself: private_key_jwt (OpenID Connect Core 1.0 section 9, RFC 7523 section 2.2)."""

import base64
import json
import secrets
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from aegis_idp.errors import Misconfigured
from aegis_idp.values import Secret

_SECONDS = 60
_RSA_BITS = 2048  # RFC 7518 section 3.3
_CURVES = {"secp256r1": ("ES256", hashes.SHA256(), 32), "secp384r1": ("ES384", hashes.SHA384(), 48)}


def assertion(pem: Secret, client: str, audience: str, key_id: str | None, now: float) -> Secret:
    """A JWT of `client`, good for `audience` for a minute from `now` (seconds since 1970), and for one use.

    The algorithm follows from the key: RS256, ES256, ES384 or EdDSA. Raises Misconfigured for any other key.
    """
    algorithm, sign = _signer(pem)
    header = {"alg": algorithm, "typ": "JWT", **({"kid": key_id} if key_id is not None else {})}
    claims = {
        "iss": client,
        "sub": client,
        "aud": audience,
        "jti": secrets.token_urlsafe(16),
        "iat": int(now),
        "exp": int(now) + _SECONDS,
    }
    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    return Secret(f"{signed}.{_encoded(sign(signed.encode()))}")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signer(pem: Secret) -> tuple[str, Any]:
    """The algorithm (RFC 7518 section 3.1) of a private key, and the function that signs with it."""
    try:
        key = serialization.load_pem_private_key(pem.reveal().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The error's own text may show a part of the key.
        raise Misconfigured("the client's key is no private key in PEM without a passphrase") from None
    match key:
        case rsa.RSAPrivateKey() if key.key_size >= _RSA_BITS:
            return "RS256", lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            algorithm, digest, size = _CURVES[key.curve.name]
            return algorithm, lambda data: _joined(key.sign(data, ec.ECDSA(digest)), size)
        case ed25519.Ed25519PrivateKey():
            return "EdDSA", key.sign
    raise Misconfigured("the client's key must be RSA of 2048 bits or more, P-256, P-384 or Ed25519")


def _joined(signature: bytes, size: int) -> bytes:
    """An ECDSA signature as JWS has it (RFC 7518 section 3.4): both numbers, of fixed length."""
    r, s = utils.decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")

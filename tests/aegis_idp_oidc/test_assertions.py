"""Assertions that a client signs itself."""

import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.errors import Misconfigured
from aegis_idp.values import Secret
from aegis_idp_oidc.assertions import assertion

ISSUER = "https://issuer.example"


def _pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey,
) -> Secret:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return Secret(key.private_bytes(encoding, form, serialization.NoEncryption()).decode())


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_key_says_the_algorithm(key: rsa.RSAPrivateKey, algorithm: str) -> None:
    """Another implementation verifies signature and claims (RFC 7523 section 3)."""
    now = time.time()
    token = assertion(_pem(key), "orders", ISSUER, "key-1", now).reveal()
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT", "kid": "key-1"}
    claims = jwt.decode(token, key.public_key(), algorithms=[algorithm], audience=ISSUER, issuer="orders")
    assert claims["sub"] == "orders"
    assert (claims["iat"], claims["exp"]) == (int(now), int(now) + 60)


def test_each_is_for_one_use() -> None:
    """A server may refuse a jti that it has seen; without a key id there is none in the header."""
    pem = _pem(ec.generate_private_key(ec.SECP256R1()))
    one, two = (assertion(pem, "orders", ISSUER, None, 1e9).reveal() for _ in range(2))
    assert one != two
    assert "kid" not in jwt.get_unverified_header(one)


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (Secret(""), "no private key in PEM"),
        (
            Secret("-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5IGF0IGFsbA==\n-----END PRIVATE KEY-----\n"),
            "no private key",
        ),
        (_pem(rsa.generate_private_key(65537, 1024)), "RSA of 2048 bits or more"),
        (_pem(ec.generate_private_key(ec.SECP521R1())), "P-256, P-384 or Ed25519"),
        (_pem(ed448.Ed448PrivateKey.generate()), "P-256, P-384 or Ed25519"),
    ],
    ids=["nothing", "garbage", "short", "curve", "kind"],
)
def test_other_keys_are_refused_without_a_word_of_them(pem: Secret, said: str) -> None:
    """The text says what is wanted."""
    with pytest.raises(Misconfigured, match=said) as refusal:
        assertion(pem, "orders", ISSUER, None, 1e9)
    assert_keeps((Secret(line) for line in pem.reveal().splitlines()[1:-1]), refusal.value)


def test_a_key_with_a_passphrase_is_refused() -> None:
    """There is nobody to type it."""
    key = ec.generate_private_key(ec.SECP256R1())
    encrypted = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    with pytest.raises(Misconfigured, match="without a passphrase"):
        assertion(Secret(encrypted.decode()), "orders", ISSUER, None, 1e9)

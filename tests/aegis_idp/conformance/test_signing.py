"""Signing keys."""

import jwt
import pytest

from aegis_idp.conformance.signing import KeyRing, SigningKey


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "RS256"])
def test_what_is_signed_verifies_with_the_published_key(algorithm: str) -> None:
    """The JWK is the public half, with the algorithm and the key id of the token's header."""
    key = SigningKey.make(algorithm)
    token = key.sign({"sub": "a"}, typ="at+jwt")
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "kid": key.kid, "typ": "at+jwt"}
    assert jwt.decode(token, jwt.PyJWK(key.jwk()).key, algorithms=[algorithm]) == {"sub": "a"}
    assert not {"d", "p", "q"} & set(key.jwk())
    assert "private" not in repr(key)


def test_a_rotation_keeps_the_old_key_or_not() -> None:
    """With overlap both are published and the new one signs; without, the old one is gone."""
    ring = KeyRing()
    first = ring.current
    ring.rotate()
    assert ring.current != first
    assert ring.key_set() == {"keys": [first.jwk(), ring.current.jwk()]}
    ring.rotate(overlap=False)
    assert ring.key_set() == {"keys": [ring.current.jwk()]}

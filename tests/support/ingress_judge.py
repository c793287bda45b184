"""Judges a token with the proxy's own code, by what a plugin says and its server publishes."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.signing import SigningKey
from aegis_idp.values import PRINCIPAL, KeySetUrl
from aegis_proxy.core.keys import read_key_set
from aegis_proxy.core.snapshot import Audiences, Authority
from aegis_proxy.core.tokens import Reason, TokenRefused, verify


def authorities(provider: ProviderUnderTest, principals: Mapping[str, Subject]) -> Mapping[str, Authority]:
    """What the proxy believes with these settings and the keys of now; `principals` come from the provider's status."""
    trust = run(provider.plugin.trust(provider.settings, provider.http))
    assert isinstance(trust.key_set, KeySetUrl)
    document = run(provider.http.request("GET", trust.key_set.url)).good_answer("the keys")
    return {
        trust.issuer: Authority(
            provider="idp",
            issuer=trust.issuer,
            audiences=Audiences(frozenset({provider.audience})),
            algorithms=trust.algorithms,
            types=trust.types,
            max_lifetime=trust.max_lifetime,
            keys=read_key_set(document, trust.algorithms),
            subject=lambda claims: provider.plugin.subject(provider.settings, claims),
            principals=principals,
        )
    }


def token_of(provider: ProviderUnderTest, subject: Subject, audience: str | None = None) -> str:
    """A token of `subject`, as a pod gets it; by default for the provider's audience."""
    request = provider.mounts(subject).request(audience or provider.audience)
    return run(provider.plugin.acquire(provider.settings, request, provider.http)).reveal()


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def made(provider: ProviderUnderTest, *subjects: Subject) -> Mapping[str, Subject]:
    """The table in the provider's status, once the identities are made."""
    return {provider.make_known(subject).metadata[PRINCIPAL]: subject for subject in subjects}


def judged(token: str, known: Mapping[str, Authority]) -> Subject:
    """Whose token it is. Raises aegis_proxy.core.tokens.TokenRefused."""
    return verify(token.encode(), known, time.time()).subject


def refusal(token: str, provider: ProviderUnderTest, table: Mapping[str, Subject]) -> Reason:
    """Why the proxy refuses a token; fails if it takes it."""
    with pytest.raises(TokenRefused) as caught:
        judged(token, authorities(provider, table))
    return caught.value.reason


def forgeries(key: SigningKey, claims: Mapping[str, object]) -> dict[str, str]:
    """Good claims under signatures that nobody should take, by what is wrong. `key` signs with RS256."""
    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    other = SigningKey.make("RS256")
    return {
        "none": f"{_part({'alg': 'none', 'kid': key.kid})}.{_part(claims)}.",
        "hs256-with-the-public-key": _hs256(claims, public, key.kid),
        "rs512": jwt.encode(dict(claims), key.private, "RS512", {"kid": key.kid}),
        "a-strangers-key": other.sign(claims, kid=key.kid),
        "an-unknown-key": other.sign(claims),
    }


def _part(value: Mapping[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _hs256(claims: Mapping[str, object], secret: bytes, kid: str) -> str:
    """By hand: PyJWT refuses to do it."""
    signed = f"{_part({'alg': 'HS256', 'kid': kid})}.{_part(claims)}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"

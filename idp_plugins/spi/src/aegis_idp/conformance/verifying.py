"""Judges a token as the proxy does, by what the plugin says of its provider."""

from collections.abc import Mapping

import jwt

from aegis_idp.blocking import run
from aegis_idp.conformance.provider import ProviderUnderTest
from aegis_idp.http import Http
from aegis_idp.plugin import audiences_of
from aegis_idp.values import KeySetDocument, Secret, Trust

LEEWAY_SECONDS = 30
"""How far the clocks of a proxy and of a provider may be apart (aegis_proxy.core.tokens)."""


class TokenRefused(Exception):  # named by what happened, as in aegis_idp.errors
    """The proxy would answer 401."""


def verified(provider: ProviderUnderTest, token: Secret, audience: str) -> Mapping[str, object]:
    """The claims of a token that is good for `audience` by the plugin's own `trust`. Raises TokenRefused."""
    audience = (audiences_of(provider.plugin, provider.settings) or {}).get(audience, audience)
    return verified_by(run(provider.plugin.trust(provider.settings, provider.http)), provider.http, token, audience)


def verified_by(trust: Trust, http: Http, token: Secret, audience: str) -> Mapping[str, object]:
    """The claims of a token that is good for `audience` by `trust`, whose keys are fetched now. Raises TokenRefused."""
    try:
        header = jwt.get_unverified_header(token.reveal())
        if header["alg"] not in trust.algorithms:
            raise TokenRefused(f"the algorithm {header['alg']} is not one that trust() names")
        if str(header.get("typ", "jwt")).lower() not in {"jwt", *trust.types}:
            raise TokenRefused(f"the typ {header.get('typ')} is not one that trust() names")
        found = [key for key in key_set(trust, http) if key.key_id == header.get("kid")]
        if len(found) != 1:
            raise TokenRefused(f"{len(found)} keys have the token's kid")
        claims: Mapping[str, object] = jwt.decode(
            token.reveal(),
            found[0].key,
            algorithms=[header["alg"]],
            audience=audience,
            issuer=trust.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.PyJWTError as error:
        raise TokenRefused(f"{type(error).__name__}: {error}") from None
    return claims


def key_set(trust: Trust, http: Http) -> list[jwt.PyJWK]:
    """The keys that `trust` points to, fetched if they have to be."""
    if isinstance(trust.key_set, KeySetDocument):
        document = trust.key_set.document
    else:
        answer = run(http.request("GET", trust.key_set.url, as_pod=trust.key_set.as_pod))
        document = answer.good_answer(f"the key set {trust.key_set.url}")
    return jwt.PyJWKSet.from_dict(dict(document)).keys

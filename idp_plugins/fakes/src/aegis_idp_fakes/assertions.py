"""Judges a ServiceAccount token as a provider does that federates with a cluster."""

from collections.abc import Mapping
from enum import Enum

import jwt
from attrs import field, frozen

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.errors import ProviderError
from aegis_idp.http import Http
from aegis_idp.openid import discover

INTERNET: Http = BlockingHttp()
"""How a provider reaches an issuer that is public."""


class Fault(Enum):
    """What is wrong with a token."""

    MALFORMED = "it is no signed JWT"
    ALGORITHM = "its algorithm is not supported"
    SIGNATURE = "no key of its issuer verifies it"
    UNREACHABLE = "its issuer's keys cannot be fetched"
    EXPIRED = "it is not valid now"
    CLAIMS = "a claim is missing or ill-typed"


class BadAssertion(Exception):  # named by what came
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@frozen
class Assertion:
    """A token whose signature and times are good. Whether its issuer, subject and audience are known is not judged."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    claims: Mapping[str, object] = field(repr=False)


def unverified(token: str) -> Mapping[str, object]:
    """The claims of a token by which its issuer is looked up. Raises BadAssertion."""
    try:
        claims: Mapping[str, object] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise BadAssertion(Fault.MALFORMED) from None
    return claims


def judged(token: str, issuer: str, algorithms: tuple[str, ...], http: Http = INTERNET, *, grace: int = 0) -> Assertion:
    """The token of `issuer`, by the keys that its document, fetched with `http`, leads to. Raises BadAssertion.

    Clocks may be `grace` seconds apart.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise BadAssertion(Fault.MALFORMED) from None
    if header.get("alg") not in algorithms:
        raise BadAssertion(Fault.ALGORITHM)
    keys = [key for key in _keys(issuer, http) if key.key_id == header.get("kid")]
    if len(keys) != 1:
        raise BadAssertion(Fault.SIGNATURE)
    try:
        claims = jwt.decode(
            token,
            keys[0].key,
            algorithms=[header["alg"]],
            issuer=issuer,
            leeway=grace,
            options={"require": ["exp", "iss", "sub", "aud"], "verify_aud": False},
        )
    except jwt.InvalidSignatureError:
        raise BadAssertion(Fault.SIGNATURE) from None
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
        raise BadAssertion(Fault.EXPIRED) from None
    except jwt.PyJWTError:
        raise BadAssertion(Fault.CLAIMS) from None
    audience = claims["aud"]
    audiences = tuple(audience) if isinstance(audience, list) else (audience,)
    return Assertion(issuer, claims["sub"], audiences, claims)


def _keys(issuer: str, http: Http) -> list[jwt.PyJWK]:
    try:
        found = run(discover(http, issuer))
        document = run(http.request("GET", found.jwks_uri)).good_answer("the issuer's keys")
        return jwt.PyJWKSet.from_dict(dict(document)).keys
    except (ProviderError, jwt.PyJWTError):
        raise BadAssertion(Fault.UNREACHABLE) from None

"""Checks a token that a provider issued for us, before it is ever sent.

Its signature is the receiver's matter. But a token for another audience, of another subject or that has expired would
only be refused there, and here it tells at once what is wrong with the provider's settings.
"""

from collections.abc import Callable, Mapping

from attrs import field, frozen

from aegis_api.names import Subject
from aegis_idp.values import Principal
from aegis_proxy.core.jws import parse
from aegis_proxy.core.refresh import LAST_SECONDS
from aegis_proxy.core.token_refusal import TokenRefused, quoted

# What a receiver's parser takes at most (see the limits of the request head).
_LONGEST = 8 * 1024


class WrongToken(Exception):  # named by what came
    """The provider issued a token that cannot be used. Its text says why, and holds no byte of the token."""


@frozen
class Wanted:
    """What was asked for. `issuer` is empty where it is not known yet.

    `principal` is the subject's id at the provider, empty where it has none.
    """

    subject: Subject
    audience: str
    issuer: str = ""
    principal: str = ""


@frozen
class Receipt:
    """A token that may be sent until `expires`. Times are in seconds since 1970.

    `principal` is the id by which alone it says whose it is; empty where it says that itself.
    """

    token: bytes = field(repr=False)
    issued: float
    expires: float
    principal: str = ""


def check_receipt(
    token: str, wanted: Wanted, subject_of: Callable[[Mapping[str, object]], Subject | Principal], now: float
) -> Receipt:
    """Checks iss, aud, exp and the subject. Raises WrongToken; `subject_of` may raise anything."""
    raw = token.encode("utf-8", "replace")
    if len(raw) > _LONGEST:
        raise WrongToken(f"got a token of {len(raw)} bytes, wanted at most {_LONGEST}")
    try:
        claims = parse(raw).unverified_claims
    except TokenRefused as refused:
        raise WrongToken(f"got no signed JWT ({refused.detail})") from None
    if wanted.issuer and claims.get("iss") != wanted.issuer:
        raise WrongToken(f"got a token of the issuer {_said(claims.get('iss'))}, wanted {wanted.issuer}")
    audience = claims.get("aud")
    if wanted.audience not in (audience if isinstance(audience, list) else [audience]):
        raise WrongToken(f"got a token for the audience {_said(audience)}, wanted {wanted.audience}")
    expires = _instant(claims, "exp")
    if expires is None or expires <= now + LAST_SECONDS:
        raise WrongToken(f"got a token with exp {_said(claims.get('exp'))}, wanted one that lives on from {now:.0f}")
    try:
        subject = subject_of(claims)
    except Exception as error:  # noqa: BLE001  # a plugin's defect must not become a token that is sent unchecked
        raise WrongToken(f"got a token without a subject that the plugin knows ({type(error).__name__})") from None
    if isinstance(subject, Principal):
        if not wanted.principal or subject.id != wanted.principal:
            raise WrongToken(f"got a token of the id {_said(subject.id)}, wanted {wanted.principal or 'none'}")
    elif subject != wanted.subject:
        raise WrongToken(f"got a token of the subject {subject}, wanted {wanted.subject}")
    issued = _instant(claims, "iat")
    principal = subject.id if isinstance(subject, Principal) else ""
    return Receipt(raw, now if issued is None or issued > now else issued, expires, principal)


def _instant(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _said(value: object) -> str:
    """A claim as the log may show it: issuer, audience and times are no secrets."""
    return quoted(value) if isinstance(value, str) else quoted(str(value))

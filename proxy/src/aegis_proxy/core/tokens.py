"""From the bytes of a token to a verified caller.

    bytes -> Jws -> SignedClaims -> Verified

Each step takes only what the one before made: no claim is judged before the signature is good, and a signature is only
checked with a key of the issuer that the token names.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from attrs import field, frozen

from aegis_api.names import Subject
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import Principal
from aegis_proxy.core.jws import Header, Jws, parse
from aegis_proxy.core.snapshot import Authority
from aegis_proxy.core.token_refusal import Reason, TokenRefused, quoted

__all__ = ["SKEW", "Claims", "Reason", "SignedClaims", "TokenRefused", "Verified", "verify"]

# How far an issuer's clock and ours may differ, in seconds.
SKEW = 30.0


@frozen(eq=False)
class SignedClaims:
    """Claims that `authority` has signed. Only `_check_signature` makes them. Nothing in them has been judged."""

    authority: Authority
    header: Header
    claims: Mapping[str, object] = field(repr=False)


class Claims(Mapping[str, object]):
    """The claims of a verified token, decoded when they are first asked for.

    Most policies never ask. Decoded claims take several times the memory of their token, and those of the thousands of
    tokens that are kept would occupy the garbage collector.
    """

    __slots__ = ("_members", "_token")

    def __init__(self, token: bytes) -> None:
        self._token = token
        self._members: Mapping[str, object] | None = None

    def __getitem__(self, name: str) -> object:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> Mapping[str, object]:
        if self._members is None:
            self._members = parse(self._token).unverified_claims
        return self._members


@frozen(eq=False)
class Verified:
    """A caller whose token is good from `not_before` (inclusive) to `expires_at` (exclusive).

    Both are wall clock seconds since 1970 with the skew in them: outside of them `verify` refuses the same token.
    `subject_text` is the subject in visible ASCII, fit for a header field.
    """

    subject: Subject
    subject_text: bytes
    issuer: str
    provider: str
    kid: str | None
    not_before: float
    expires_at: float
    _token: bytes = field(repr=False)

    @property
    def claims(self) -> Mapping[str, object]:
        """All claims of the token. Each access decodes anew: take it once per request."""
        return Claims(self._token)


def verify(token: bytes, authorities: Mapping[str, Authority], now: float, skew: float = SKEW) -> Verified:
    """Whose token this is. `authorities` are by issuer; `now` is the wall clock in seconds since 1970.

    Raises TokenRefused, and nothing else. RFC 7519 section 7.2, RFC 8725 section 3, RFC 9068 section 4.
    """
    jws = parse(token)
    signed = _check_signature(jws, _authority(jws, authorities))
    not_before, expires_at = _check_claims(signed, now, skew)
    subject, subject_text = _shared(_subject(signed))
    authority = signed.authority
    return Verified(
        subject, subject_text, authority.issuer, authority.provider, signed.header.kid, not_before, expires_at, token
    )


def _authority(jws: Jws, authorities: Mapping[str, Authority]) -> Authority:
    unverified_issuer = jws.unverified_claims.get("iss")
    if type(unverified_issuer) is not str:
        raise TokenRefused(Reason.UNKNOWN_ISSUER, "iss is not a string")
    authority = authorities.get(unverified_issuer)
    if authority is None:
        raise TokenRefused(Reason.UNKNOWN_ISSUER, f"no provider has the issuer {quoted(unverified_issuer)}")
    return authority


def _check_signature(jws: Jws, authority: Authority) -> SignedClaims:
    issuer, header = authority.issuer, jws.header
    algorithm, kid = header.algorithm, header.kid
    if algorithm not in authority.algorithms:
        raise TokenRefused(Reason.ALGORITHM_NOT_ALLOWED, f"alg is {quoted(algorithm)}", issuer=issuer)
    if authority.keys.empty:
        raise TokenRefused(Reason.NO_KEYS, "the issuer has no usable key", issuer=issuer)
    key = authority.keys.find(kid, algorithm)
    if key is None:
        which = "no kid, and not just one key" if kid is None else f"no key with the kid {quoted(kid)}"
        raise TokenRefused(Reason.UNKNOWN_KEY, f"{which} for {algorithm}", issuer=issuer, kid=kid)
    if not key.may_verify(algorithm):
        raise TokenRefused(Reason.ALGORITHM_NOT_ALLOWED, f"this key is not for {algorithm}", issuer=issuer)
    if not key.verify(jws.signing_input, jws.signature, algorithm):
        raise TokenRefused(Reason.BAD_SIGNATURE, f"no {algorithm} signature of this key", issuer=issuer)
    return SignedClaims(authority, header, MappingProxyType(jws.unverified_claims))


def _check_claims(signed: SignedClaims, now: float, skew: float) -> tuple[float, float]:
    """Judges what every provider's tokens have in common. Returns the period in which they pass."""
    _check_type(signed)
    period = _check_times(signed, now, skew)
    _check_audience(signed)
    if "cnf" in signed.claims:
        raise _refusal(signed, Reason.SENDER_CONSTRAINED, "cnf is present, and no proof of possession is checked")
    if "sub" in signed.claims and type(signed.claims["sub"]) is not str:
        raise _refusal(signed, Reason.BAD_CLAIM, "sub is not a string")
    return period


def _refusal(signed: SignedClaims, reason: Reason, detail: str) -> TokenRefused:
    return TokenRefused(reason, detail, issuer=signed.authority.issuer)


def _check_type(signed: SignedClaims) -> None:
    """RFC 8725 section 3.11: a token made for another purpose (an ID token, a logout token) is no access token."""
    media_type = signed.header.type
    if media_type is not None and media_type != "jwt" and media_type not in signed.authority.types:
        raise _refusal(signed, Reason.WRONG_TYPE, f"typ is {quoted(media_type)}")


def _check_times(signed: SignedClaims, now: float, skew: float) -> tuple[float, float]:
    """The period in which a token passes these checks, of which `now` is a part."""
    expiry = _instant(signed, "exp")
    if expiry is None:
        raise _refusal(signed, Reason.BAD_CLAIM, "exp is missing")
    begin, issued = _instant(signed, "nbf"), _instant(signed, "iat")
    if begin is not None and begin > expiry:
        raise _refusal(signed, Reason.BAD_CLAIM, "nbf is after exp")
    if not now < expiry + skew:
        raise _refusal(signed, Reason.EXPIRED, f"exp was {now - expiry:.0f} s ago")
    earliest = expiry - signed.authority.max_lifetime - skew
    if now < earliest:
        limit = signed.authority.max_lifetime
        raise _refusal(
            signed, Reason.LIFETIME_TOO_LONG, f"exp is {expiry - now:.0f} s ahead, at most {limit} are taken"
        )
    for name, instant in (("nbf", begin), ("iat", issued)):
        if instant is not None and earliest < instant - skew:
            earliest = instant - skew
            if now < earliest:
                raise _refusal(signed, Reason.NOT_YET_VALID, f"{name} is {instant - now:.0f} s ahead")
    return earliest, expiry + skew


_ABSENT = object()


def _instant(signed: SignedClaims, name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2). The parser has let through finite numbers only."""
    value = signed.claims.get(name, _ABSENT)
    # By exact type: a bool is an int.
    if type(value) is int or type(value) is float:
        return value
    if value is _ABSENT:
        return None
    raise _refusal(signed, Reason.BAD_CLAIM, f"{name} is not a number")


def _check_audience(signed: SignedClaims) -> None:
    audience = signed.claims.get("aud")
    if audience is None or audience == []:
        raise _refusal(signed, Reason.NO_AUDIENCE, "aud is missing or empty")
    audiences = audience if type(audience) is list else [audience]
    if not all(type(item) is str for item in audiences):
        raise _refusal(signed, Reason.BAD_CLAIM, "aud is neither a string nor a list of strings")
    if not any(map(signed.authority.audiences.accept, audiences)):
        got = ", ".join(map(quoted, audiences[:4]))
        raise _refusal(signed, Reason.WRONG_AUDIENCE, f"aud is {got}")


def _subject(signed: SignedClaims) -> Subject:
    authority = signed.authority
    try:
        subject = authority.subject(signed.claims)
    except ClaimRefused as refused:
        raise _refusal(signed, Reason.NO_SUBJECT, quoted(str(refused))) from None
    except Exception as error:
        # Whatever a plugin's defect is, its caller is a caller whom nobody knows.
        detail = f"the plugin of {authority.provider} raised {type(error).__name__}"
        raise _refusal(signed, Reason.PLUGIN_FAILED, detail) from error
    if type(subject) is Principal:
        return _owner_of(subject, signed)
    # A Subject of exactly this class holds nothing but visible ASCII.
    if type(subject) is not Subject:
        raise _refusal(signed, Reason.PLUGIN_FAILED, f"the plugin of {authority.provider} returned no Subject")
    return subject


def _owner_of(principal: Principal, signed: SignedClaims) -> Subject:
    subject = signed.authority.principals.get(principal.id)
    if subject is None:
        raise _refusal(
            signed, Reason.NO_SUBJECT, f"no Identity of the provider has the id {quoted(principal.id)} there"
        )
    return subject


# The tokens of one caller share one subject: thousands of tokens are kept.
@lru_cache(maxsize=4096)
def _shared(subject: Subject) -> tuple[Subject, bytes]:
    return subject, str(subject).encode("ascii")

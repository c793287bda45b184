"""Reads a JWS in compact form (RFC 7515 section 7.1) as strictly as its specifications allow, and verifies nothing.

What two libraries could read differently is refused here, before any key is looked at: other base64url than the one
canonical spelling, members that occur twice, texts that are not Unicode, numbers without a value, deep nesting.
"""

import re
from binascii import a2b_base64, b2a_base64
from functools import lru_cache
from json import JSONDecoder
from math import isfinite

from attrs import field, frozen

from aegis_proxy.core.token_refusal import Reason, TokenRefused

MAX_TOKEN_BYTES = 16 * 1024
MAX_KID_LENGTH = 256
MAX_DEPTH = 16
# Enough for every 64-bit integer; beyond it, arithmetic with floats may raise.
_MAX_INTEGER_DIGITS = 20

# What only the standard alphabet and padding have becomes a byte that no base64 has.
_URL_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


@frozen
class Header:
    """The header members that decide. `type` is in lower case and without `application/` (RFC 7515 section 4.1.9).

    Keys and addresses that a header may offer (jwk, jku, x5c, x5u) are not read at all.
    """

    algorithm: str
    kid: str | None
    type: str | None


@frozen
class Jws:
    """A token taken apart. Nothing in it is proven: whoever sent it chose every byte."""

    header: Header
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    unverified_claims: dict[str, object] = field(repr=False)


def parse(token: bytes) -> Jws:
    """Takes a token apart. Raises TokenRefused with TOO_LARGE, MALFORMED, CRITICAL_HEADER or WRONG_TYPE."""
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRefused(Reason.TOO_LARGE, f"{len(token)} bytes, at most {MAX_TOKEN_BYTES} are read")
    # With another number of dots than two, one of the parts is empty or holds a dot, and fails below.
    signing_input, _, signature = token.rpartition(b".")
    header, _, payload = signing_input.partition(b".")
    if not signature:
        raise TokenRefused(Reason.MALFORMED, "no signature")
    return Jws(_read_header(header), signing_input, _decoded(signature, "signature"), _read_object(payload, "payload"))


def decode_base64url(text: bytes) -> bytes:
    """Unpadded base64url (RFC 7515 section 2). Each value has one spelling; raises ValueError for any other."""
    standard = text.translate(_URL_TO_STANDARD) + b"=" * (-len(text) % 4)
    value = a2b_base64(standard)
    if b2a_base64(value, newline=False) != standard:
        raise ValueError("not the canonical base64url")
    return value


# Few headers are in use at a time. The bound is low because strangers can fill the cache, with 16 KiB each.
@lru_cache(maxsize=64)
def _read_header(segment: bytes) -> Header:
    members = _read_object(segment, "header")
    for name in ("crit", "b64"):
        if name in members:
            raise TokenRefused(Reason.CRITICAL_HEADER, f"the header has {name}: no extension is supported")
    if "cty" in members:
        raise TokenRefused(Reason.WRONG_TYPE, "the header has cty: nested tokens are not read")
    for name in ("enc", "zip"):
        if name in members:
            raise TokenRefused(Reason.MALFORMED, f"the header has {name}: this is a JWE, a JWS is wanted")
    algorithm = members.get("alg")
    if type(algorithm) is not str:
        raise TokenRefused(Reason.MALFORMED, "the header's alg is not a string")
    return Header(algorithm, _kid(members), _type(members))


def _kid(members: dict[str, object]) -> str | None:
    if "kid" not in members:
        return None
    kid = members["kid"]
    if type(kid) is not str or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise TokenRefused(Reason.MALFORMED, f"the header's kid is not a string of 1 to {MAX_KID_LENGTH} characters")
    return kid


def _type(members: dict[str, object]) -> str | None:
    if "typ" not in members:
        return None
    media_type = members["typ"]
    # Only ASCII is folded: lower() turns the Kelvin sign into a k.
    if type(media_type) is not str or not media_type.isascii():
        raise TokenRefused(Reason.WRONG_TYPE, "the header's typ is not an ASCII string")
    return media_type.lower().removeprefix("application/")


def _decoded(segment: bytes, part: str) -> bytes:
    try:
        return decode_base64url(segment)
    except ValueError:
        pass  # the error is raised below, so that it does not carry this one, which may quote the token
    raise TokenRefused(Reason.MALFORMED, f"the {part} is not canonical base64url")


def _read_object(segment: bytes, part: str) -> dict[str, object]:
    raw = _decoded(segment, part)
    try:
        value = _decoded_json(raw.decode())
        if b"\\" in raw or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
            _check_texts_and_depth(value, MAX_DEPTH)
    except _NotStrictError as error:
        why = str(error)
    except (ValueError, RecursionError):
        why = "not JSON in UTF-8"
    else:
        if type(value) is dict:
            return value
        why = "not an object"
    # Raised outside of the handlers, so that it does not carry a decoder's error, which quotes the token.
    raise TokenRefused(Reason.MALFORMED, f"the {part} is refused: {why}")


def _decoded_json(text: str) -> object:
    """As JSONDecoder.decode, which looks for blanks with regular expressions."""
    text = text.strip(" \t\n\r")
    value, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    return value


class _NotStrictError(ValueError):
    """JSON that a lax reader would take. Its text never quotes it."""


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrictError("a member occurs twice")
    return members


def _bounded_integer(digits: str) -> int:
    if len(digits) > _MAX_INTEGER_DIGITS:
        raise _NotStrictError("an integer is too long")
    return int(digits)


def _finite_number(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        raise _NotStrictError("a number has no finite value")
    return value


def _no_constant(_: str) -> object:
    raise _NotStrictError("NaN and Infinity are not JSON")


_DECODER = JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=_bounded_integer,
    parse_float=_finite_number,
    parse_constant=_no_constant,
)


def _check_texts_and_depth(value: object, levels: int) -> None:
    """Refuses what only escapes can bring in (NUL, lone surrogates), and more than `levels` of nesting."""
    if type(value) is str:
        if _NO_TEXT.search(value):
            raise _NotStrictError("a string holds NUL or half a surrogate pair")
    elif type(value) is list or type(value) is dict:
        if levels == 0:
            raise _NotStrictError("nested too deep")
        for item in value:
            _check_texts_and_depth(item, levels - 1)
        if type(value) is dict:
            for item in value.values():
                _check_texts_and_depth(item, levels - 1)

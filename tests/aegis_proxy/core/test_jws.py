"""The strict reader of the compact form: J14 to J23 of the attack catalogue, as far as no key is needed."""

import json
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.jws import MAX_TOKEN_BYTES, Header, decode_base64url, parse
from aegis_proxy.core.token_refusal import Reason, TokenRefused
from support.tokens import b64, claims, mint, sealed, signing_key

GOOD_HEADER = b'{"alg":"ES256","kid":"k1"}'
GOOD_PAYLOAD = json.dumps(claims()).encode()


def refusal(token: bytes) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        parse(token)
    return caught.value


def unsigned(header: bytes = GOOD_HEADER, payload: bytes = GOOD_PAYLOAD) -> bytes:
    """The parser looks at no signature, so these need none that is good."""
    return mint(header=header, payload=payload, signature=b"signature")


def test_a_token_is_taken_apart() -> None:
    """A good token gives its header, the bytes that were signed, the signature, and claims that nobody has verified."""
    token = mint(signing_key("ES256"))
    jws = parse(token)
    assert jws.header == Header("ES256", "k1", "jwt")
    assert token == jws.signing_input + b"." + b64(jws.signature)
    assert jws.unverified_claims == claims()


def test_a_repr_shows_no_part_of_the_token() -> None:
    """J43: a token that is printed by mistake shows its header members only."""
    assert repr(parse(unsigned())) == "Jws(header=Header(algorithm='ES256', kid='k1', type=None))"


HEADER, PAYLOAD = b64(GOOD_HEADER), b64(GOOD_PAYLOAD)
WHOLE = HEADER + b"." + PAYLOAD + b".c2ln"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(b"", id="J15-empty"),
        pytest.param(b".", id="J15-one-dot"),
        pytest.param(b"..", id="J15-two-dots"),
        pytest.param(HEADER + b"." + PAYLOAD, id="J15-two-segments"),
        pytest.param(HEADER + b"." + PAYLOAD + b".", id="J01-no-signature"),
        pytest.param(WHOLE + b".", id="J15-trailing-dot"),
        pytest.param(WHOLE + b".c2ln", id="J15-four-segments"),
        pytest.param(WHOLE + b".c2ln.c2ln", id="J15-five-segments"),
        pytest.param(b" " + WHOLE, id="J15-leading-space"),
        pytest.param(WHOLE + b" ", id="J15-trailing-space"),
        pytest.param(WHOLE + b"\n", id="J15-trailing-newline"),
        pytest.param(HEADER + b".\n" + PAYLOAD + b".c2ln", id="J15-embedded-newline"),
        pytest.param(b"Bearer " + WHOLE, id="J15-scheme"),
        pytest.param(b'{"payload":"e30","protected":"e30","signature":"c2ln"}', id="J15-json-serialisation"),
        pytest.param(b'{"payload":"a.b.c"}', id="J15-json-with-dots"),
        pytest.param(HEADER + b".." + b"c2ln", id="J17-detached-payload"),
        pytest.param(HEADER + b"." + PAYLOAD + b"=.c2ln", id="J14-padding-payload"),
        pytest.param(HEADER + b"." + PAYLOAD + b".YWI=", id="J14-padding-signature"),
        pytest.param(HEADER + b"." + PAYLOAD + b".YQ==", id="J14-full-padding-signature"),
        pytest.param(HEADER + b"." + PAYLOAD + b".Y Q", id="J14-space"),
        pytest.param(HEADER + b"." + PAYLOAD + b".YW\nI", id="J14-newline"),
        pytest.param(HEADER + b"." + PAYLOAD + b".-_+/", id="J14-standard-alphabet"),
        pytest.param(HEADER + b"." + PAYLOAD + b".+/++", id="J14-only-standard-alphabet"),
        pytest.param(HEADER + b"." + PAYLOAD + b".YW?I", id="J14-question-mark"),
        pytest.param(HEADER + b"." + PAYLOAD + b".YW!I", id="J14-exclamation-mark"),
        pytest.param(HEADER + b"." + PAYLOAD + b".YWIx\x00", id="J14-nul"),
        pytest.param(HEADER + b"." + PAYLOAD + b".YWJ", id="J14-trailing-bits-of-three"),
        pytest.param(HEADER + b"." + PAYLOAD + b".YR", id="J14-trailing-bits-of-two"),
        pytest.param(HEADER + b"." + PAYLOAD + b".YWJjY", id="J14-length-of-one-more"),
        pytest.param(HEADER + b"." + PAYLOAD + ".ＹＷＩ".encode(), id="J14-not-ascii"),
        pytest.param(HEADER[:-1] + b"=." + PAYLOAD + b".c2ln", id="J14-padding-header"),
    ],
)
def test_another_form_is_refused(token: bytes) -> None:
    """Only three segments of canonical base64url make a token."""
    assert refusal(token).reason is Reason.MALFORMED


@given(st.binary(max_size=80))
def test_each_value_has_one_base64url(value: bytes) -> None:
    """What is decoded is the only text of that value."""
    assert decode_base64url(b64(value)) == value


@given(st.text(alphabet="AQgwEIMUYcko048-_+/=", max_size=9))
def test_a_text_that_decodes_is_what_its_value_encodes_to(text: str) -> None:
    """J14: two texts never have one value."""
    try:
        value = decode_base64url(text.encode())
    except ValueError:
        return
    assert b64(value) == text.encode()


@pytest.mark.parametrize("size", [64 * 1024, 2 * 1024 * 1024], ids=["J23-64KiB", "J23-2MiB"])
def test_a_large_token_is_not_read(size: int) -> None:
    """A token over 16 KiB is refused by its length."""
    assert refusal(b"A" * size).reason is Reason.TOO_LARGE


def test_a_token_of_16_kib_is_the_largest() -> None:
    """J23: the bound is exact, and the text names it."""
    assert refusal(b"." * MAX_TOKEN_BYTES).reason is Reason.MALFORMED
    assert refusal(b"." * (MAX_TOKEN_BYTES + 1)).detail == "16385 bytes, at most 16384 are read"


def test_a_token_of_8_kib_is_read() -> None:
    """J23: a legal token of 8 KiB passes."""
    token = mint(payload=claims(pad="x" * 5800))
    assert 8000 < len(token) < 8192
    assert parse(token).unverified_claims["sub"] == claims()["sub"]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        pytest.param(b'{"kid":"k1"}', Reason.MALFORMED, id="J04-no-alg"),
        pytest.param(b'{"alg":["RS256"]}', Reason.MALFORMED, id="J04-alg-list"),
        pytest.param(b'{"alg":5}', Reason.MALFORMED, id="J04-alg-number"),
        pytest.param(b'{"alg":null}', Reason.MALFORMED, id="J04-alg-null"),
        pytest.param(b'{"alg":"RS256","kid":5}', Reason.MALFORMED, id="J06-kid-number"),
        pytest.param(b'{"alg":"RS256","kid":["k1"]}', Reason.MALFORMED, id="J06-kid-list"),
        pytest.param(b'{"alg":"RS256","kid":null}', Reason.MALFORMED, id="J06-kid-null"),
        pytest.param(b'{"alg":"RS256","kid":""}', Reason.MALFORMED, id="J06-kid-empty"),
        pytest.param(b'{"alg":"RS256","kid":"k1\\u0000"}', Reason.MALFORMED, id="J06-kid-nul"),
        pytest.param(b'{"alg":"RS256","kid":"' + b"k" * 257 + b'"}', Reason.MALFORMED, id="J06-kid-long"),
        pytest.param(b'{"alg":"RSA-OAEP","enc":"A256GCM"}', Reason.MALFORMED, id="J16-jwe-header"),
        pytest.param(
            b'{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":2147483648}', Reason.MALFORMED, id="J16-pbes2"
        ),
        pytest.param(b'{"alg":"RS256","zip":"DEF"}', Reason.MALFORMED, id="J16-zip"),
        pytest.param(b'{"alg":"RS256","b64":false}', Reason.CRITICAL_HEADER, id="J17-b64-without-crit"),
        pytest.param(b'{"alg":"RS256","b64":true}', Reason.CRITICAL_HEADER, id="J17-b64-true"),
        pytest.param(b'{"alg":"RS256","b64":false,"crit":["b64"]}', Reason.CRITICAL_HEADER, id="J17-b64-with-crit"),
        pytest.param(b'{"alg":"RS256","crit":["exp"],"exp":1}', Reason.CRITICAL_HEADER, id="J18-crit-exp"),
        pytest.param(b'{"alg":"RS256","crit":["x"]}', Reason.CRITICAL_HEADER, id="J18-crit-missing-member"),
        pytest.param(b'{"alg":"RS256","crit":[]}', Reason.CRITICAL_HEADER, id="J18-crit-empty"),
        pytest.param(b'{"alg":"RS256","crit":"b64"}', Reason.CRITICAL_HEADER, id="J18-crit-string"),
        pytest.param(b'{"alg":"RS256","crit":["b64","b64"]}', Reason.CRITICAL_HEADER, id="J18-crit-twice"),
        pytest.param(b'{"alg":"RS256","crit":null}', Reason.CRITICAL_HEADER, id="J18-crit-null"),
        pytest.param(b'{"alg":"RS256","cty":"JWT"}', Reason.WRONG_TYPE, id="J19-nested"),
        pytest.param(b'{"alg":"RS256","typ":null}', Reason.WRONG_TYPE, id="J19-typ-null"),
        pytest.param(b'{"alg":"RS256","typ":["JWT"]}', Reason.WRONG_TYPE, id="J19-typ-list"),
        pytest.param('{"alg":"RS256","typ":"\u212aWT"}'.encode(), Reason.WRONG_TYPE, id="J19-typ-not-ascii"),
        pytest.param(b'{"alg":"none","alg":"RS256"}', Reason.MALFORMED, id="J20-alg-twice"),
        pytest.param(b'{"alg":"RS256","kid":"a","k\\u0069d":"b"}', Reason.MALFORMED, id="J20-kid-twice-escaped"),
    ],
)
def test_a_header_that_does_not_decide_clearly_is_refused(header: bytes, reason: Reason) -> None:
    """Header members have one type, and what would change the meaning of the token is not supported."""
    assert refusal(unsigned(header)).reason is reason
    assert refusal(unsigned(header)).reason is reason, "the second time it comes as well"


@pytest.mark.parametrize(
    ("typ", "read"),
    [("JWT", "jwt"), ("jwt", "jwt"), ("at+jwt", "at+jwt"), ("application/at+jwt", "at+jwt"), ("", ""), ("JWE", "jwe")],
)
def test_a_media_type_has_one_form(typ: str, read: str) -> None:
    """J19: `typ` is compared without case and without `application/` (RFC 7515 section 4.1.9)."""
    assert parse(mint(header={"typ": typ})).header.type == read


def test_offered_keys_are_not_read() -> None:
    """J05: jwk, x5c, jku and x5u leave no trace in what is parsed."""
    offered = {"jwk": {"kty": "oct"}, "x5c": ["MII"], "jku": "https://evil.example", "x5u": "file:///", "x5t": 5}
    assert parse(mint(header=offered)).header == Header("ES256", "k1", "jwt")


def test_a_kid_is_any_text() -> None:
    """J06: a kid of 256 characters, slashes and quotes is a name like any other."""
    for kid in ("k" * 256, "../../../../dev/null", "k1' OR '1'='1", "|/bin/id", "\u00fc"):
        assert parse(mint(header={"kid": kid})).header.kid == kid


DEEP = b'{"a":' + b"[" * 16 + b"]" * 16 + b"}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'["alg"]', id="J21-array"),
        pytest.param(b'"alg"', id="J21-string"),
        pytest.param(b"5", id="J21-number"),
        pytest.param(b"null", id="J21-null"),
        pytest.param(b"", id="J21-empty"),
        pytest.param(b"\xef\xbb\xbf" + GOOD_HEADER, id="J21-bom"),
        pytest.param(GOOD_HEADER.decode().encode("utf-16"), id="J21-utf-16-bom"),
        pytest.param(GOOD_HEADER.decode().encode("utf-16-le"), id="J21-utf-16"),
        pytest.param(GOOD_HEADER.decode().encode("utf-32"), id="J21-utf-32"),
        pytest.param(b'{"alg":"RS256","x":"\xff"}', id="J21-invalid-utf-8"),
        pytest.param(b'{"alg":"RS256","x":"\xc0\xaf"}', id="J21-overlong-utf-8"),
        pytest.param(b'{"alg":"RS256","x":"\xed\xa0\x80"}', id="J21-surrogate-in-utf-8"),
        pytest.param(b'{"alg":"RS256","x":"\\ud800"}', id="J21-lone-surrogate"),
        pytest.param(b'{"alg":"RS256","x":["\\udfff"]}', id="J21-lone-surrogate-in-list"),
        pytest.param(b'{"alg":"RS256","\\ud800":1}', id="J21-lone-surrogate-name"),
        pytest.param(b'{"alg":"RS256","x":"\x00"}', id="J21-nul"),
        pytest.param(b'{"alg":"RS256","x":"\\u0000"}', id="J21-escaped-nul"),
        pytest.param(b'{"alg":"RS256","x":"\n"}', id="J21-control"),
        pytest.param(b'{"alg":"RS256"}x', id="J21-trailing-bytes"),
        pytest.param(b'{"alg":"RS256"}{}', id="J21-two-objects"),
        pytest.param(b'{"alg":"RS256",}', id="J21-trailing-comma"),
        pytest.param(b"{'alg':'RS256'}", id="J21-single-quotes"),
        pytest.param(b'{"alg":"RS256","x":NaN}', id="J21-nan"),
        pytest.param(b'{"alg":"RS256","x":Infinity}', id="J21-infinity"),
        pytest.param(b'{"alg":"RS256","x":-Infinity}', id="J21-minus-infinity"),
        pytest.param(b'{"alg":"RS256","x":1e400}', id="J21-1e400"),
        pytest.param(b'{"alg":"RS256","x":-1e400}', id="J21-minus-1e400"),
        pytest.param(b'{"alg":"RS256","x":1E999999999}', id="J22-huge-exponent"),
        pytest.param(b'{"alg":"RS256","x":01}', id="J21-leading-zero"),
        pytest.param(b'{"alg":"RS256","x":' + b"9" * 21 + b"}", id="J22-21-digits"),
        pytest.param(b'{"alg":"RS256","x":' + b"9" * 4301 + b"}", id="J22-4301-digits"),
        pytest.param(b'{"x":{"y":1,"y":2}}', id="J20-nested-twice"),
        pytest.param(b'{"sub":"a","s\\u0075b":"b"}', id="J20-escaped-twice"),
        pytest.param(DEEP, id="J22-17-levels"),
        pytest.param(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", id="J22-900-levels"),
        pytest.param(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", id="J22-5000-levels"),
        pytest.param(b'{"a":' * 1000 + b"1" + b"}" * 1000, id="J22-1000-objects"),
        pytest.param(b"[" * 11000, id="J22-11000-open"),
    ],
)
def test_only_strict_json_objects_are_read(text: bytes) -> None:
    """Header and payload are UTF-8 JSON objects that every reader reads alike; all else is refused, not raised."""
    refused = refusal(unsigned(header=text))
    assert refused.reason is Reason.MALFORMED
    assert refusal(unsigned(payload=text)).reason is Reason.MALFORMED
    assert refused.__context__ is None, "a decoder's error quotes the document"


def test_recursion_ends_in_a_refusal_wherever_the_parser_is_called() -> None:
    """J22: even close to the recursion limit a deep document is refused and raises nothing else."""

    def at_depth(levels: int) -> Reason:
        return at_depth(levels - 1) if levels else refusal(unsigned(payload=b"[" * 9000)).reason

    assert at_depth(sys.getrecursionlimit() // 2) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b' {"a" : [1, 2.5, -3, true, false, null]}\r\n', {"a": [1, 2.5, -3, True, False, None]}),
        (b'{"a":' + b"[" * 15 + b"]" * 15 + b"}", {"a": [[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}),
        (b'{"a":18446744073709551615}', {"a": 2**64 - 1}),
        (b'{"a":[' + b",".join([b"{}"] * 50) + b"]}", {"a": [{}] * 50}),
        (b'{"a":"[[[[[[[[[[[[[[[[[[[["}', {"a": "[" * 20}),
        ('{"ä":"ü"}'.encode(), {"ä": "ü"}),
    ],
)
def test_legal_json_is_read(text: bytes, value: dict[str, object]) -> None:
    """Strictness refuses nothing that has one meaning: escapes, spaces, 16 levels, 64-bit numbers, other scripts."""
    assert parse(unsigned(payload=text)).unverified_claims == value


def test_many_members_are_read() -> None:
    """J22: thousands of members within 16 KiB are an object like any other."""
    members = {f"m{number}": 0 for number in range(1000)}
    assert parse(unsigned(payload=json.dumps(members, separators=(",", ":")).encode())).unverified_claims == members


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(token: bytes) -> None:
    """Whatever comes is a Jws or a TokenRefused."""
    with suppress(TokenRefused):
        parse(token)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_segments_are_read_or_refused(header: bytes, payload: bytes) -> None:
    """Well-formed base64url of any bytes is a Jws or a TokenRefused."""
    with suppress(TokenRefused):
        parse(sealed(b64(header), b64(payload), signature=b"x"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "cty", "b64", "zip"]) | st.text(), JSON))
def test_any_header_is_read_or_refused(header: dict[str, object]) -> None:
    """A header of any JSON gives a Jws with members of their types, or a TokenRefused."""
    try:
        read = parse(unsigned(json.dumps(header).encode())).header
    except TokenRefused:
        return
    assert type(read.algorithm) is str
    assert read.kid is None or type(read.kid) is str
    assert read.type is None or read.type.isascii()

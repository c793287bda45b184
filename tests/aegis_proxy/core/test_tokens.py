"""From bytes to a caller: the J rows of the attack catalogue that end in a verdict on a token."""

import hashlib
import hmac
import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, NoReturn

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.names import Subject
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import ASYMMETRIC_ALGORITHMS, Principal
from aegis_proxy.core.keys import KeySet
from aegis_proxy.core.snapshot import Audiences, Authority
from aegis_proxy.core.tokens import SKEW, Reason, TokenRefused, verify
from support.tokens import (
    AUDIENCE,
    ISSUER,
    NOW,
    SUBJECT,
    authorities,
    authority,
    b64,
    claims,
    key_set,
    mint,
    sealed,
    signing_key,
    subject_of_sub,
)

RSA, EC, ED = signing_key("RS256", "k1"), signing_key("ES256", "k2"), signing_key("EdDSA", "k3")
KNOWN = authorities(RSA, EC, ED)


def refusal(token: bytes, known: Mapping[str, Authority] = KNOWN, now: float = NOW) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        verify(token, known, now)
    return caught.value


def reason(token: bytes, known: Mapping[str, Authority] = KNOWN, now: float = NOW) -> Reason:
    return refusal(token, known, now).reason


def said(**changes: object) -> bytes:
    """A token with a good signature whose claims are changed."""
    return mint(EC, claims(**changes))


def said_as(text: bytes) -> bytes:
    """A token with a good signature whose `exp`, `nbf` or other member is this JSON text: `"exp":1e400`."""
    members = json.dumps({name: value for name, value in claims().items() if b'"%b"' % name.encode() not in text})
    return mint(EC, members[:-1].encode() + b"," + text + b"}")


def test_a_good_token_leads_to_its_caller() -> None:
    """What was verified says who, by whose word, under which key, and how long."""
    verified = verify(mint(EC, claims(scope="a")), KNOWN, NOW)
    assert verified.subject == Subject("shop", "identity01")
    assert verified.subject_text == SUBJECT.encode()
    assert (verified.issuer, verified.provider, verified.kid) == (ISSUER, "local", "k2")
    assert (verified.not_before, verified.expires_at) == (NOW - SKEW, NOW + 60 + SKEW)
    assert verified.claims == claims(scope="a")
    assert verified.claims.get("absent") is None
    assert len(verified.claims) == 7


def test_a_caller_in_a_log_shows_no_claims_and_no_token() -> None:
    """J43: what is printed by mistake holds no part of the token."""
    token = mint(EC, claims(jti="private"))
    shown = repr(verify(token, KNOWN, NOW))
    assert "private" not in shown
    assert token.decode() not in shown


@pytest.mark.parametrize("algorithm", [*sorted(ASYMMETRIC_ALGORITHMS), "Ed448"])
@pytest.mark.attack("X15")
def test_every_algorithm_is_verified(algorithm: str) -> None:
    """Tokens of each algorithm pass."""
    key = signing_key(algorithm)
    assert verify(mint(key), authorities(key), NOW).subject_text == SUBJECT.encode()


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "rs256", "RS256 ", "HS256", "A128KW", ""])
@pytest.mark.parametrize("kid", ["k1", ..., "k9"])
def test_j01_j04_an_algorithm_is_one_of_the_list(alg: str, kid: object) -> None:
    """J01, J04: any other algorithm is refused before a key is looked for."""
    for signature in (b"sig", RSA.sign):
        assert reason(mint(RSA, header={"alg": alg, "kid": kid}, signature=signature)) is Reason.ALGORITHM_NOT_ALLOWED


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE"])
def test_j01_without_signature_there_is_no_token(alg: str) -> None:
    """J01: an empty or missing signature is no token at all."""
    signed = mint(RSA, header={"alg": alg}, signature=b"")
    assert reason(signed) is Reason.MALFORMED
    assert reason(signed[:-1]) is Reason.MALFORMED


PEM = RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(PEM, id="J02-PEM"),
        pytest.param(PEM.replace(b"\n", b"\r\n"), id="J02-PEM-CRLF"),
        pytest.param(PEM.strip(), id="J02-PEM-no-trailing-newline"),
        pytest.param(b64decode(b"".join(PEM.split(b"\n")[1:-2])), id="J02-DER"),
        pytest.param(json.dumps(RSA.jwk()).encode(), id="J02-JWK"),
        pytest.param(str(RSA.jwk()["n"]).encode(), id="J02-modulus"),
        pytest.param(b"", id="J02-empty"),
    ],
)
@pytest.mark.parametrize("alg", ["HS256", "RS256"])
def test_j02_a_public_key_is_no_secret(secret: bytes, alg: str) -> None:
    """An HMAC under the public key is neither an allowed algorithm nor a signature."""
    token = mint(RSA, header={"alg": alg}, signature=lambda data: hmac.new(secret, data, hashlib.sha256).digest())
    assert reason(token) is (Reason.ALGORITHM_NOT_ALLOWED if alg == "HS256" else Reason.BAD_SIGNATURE)


@pytest.mark.parametrize(
    ("alg", "kid"),
    [("ES256", "k1"), ("RS512", "k1"), ("PS256", "k1"), ("RS256", "k2"), ("ES384", "k2"), ("EdDSA", "k2")],
)
def test_j03_an_algorithm_belongs_to_its_key(alg: str, kid: str) -> None:
    """A key takes its own algorithm only, even where the provider allows the other."""
    signer = signing_key(alg)
    assert reason(mint(signer, header={"kid": kid})) is Reason.ALGORITHM_NOT_ALLOWED


def test_j03_an_algorithm_belongs_to_its_issuer() -> None:
    """What the provider does not list is refused, whatever its keys could do."""
    only = authorities(RSA, EC, algorithms=frozenset({"RS256"}))
    assert reason(mint(EC), only) is Reason.ALGORITHM_NOT_ALLOWED
    verify(mint(RSA), only, NOW)


EVIL = signing_key("ES256", "k1", number=9)


@pytest.mark.parametrize(
    "offer",
    [
        pytest.param({"jwk": EVIL.jwk()}, id="J05-jwk"),
        pytest.param({"x5c": ["MIIB"], "x5t": "x"}, id="J05-x5c"),
        pytest.param({"jku": "https://evil.example/keys"}, id="J05-jku"),
        pytest.param({"x5u": "https://evil.example/cert"}, id="J05-x5u"),
        pytest.param({"jwk": EVIL.jwk(), "jku": "https://evil.example/keys"}, id="J05-both"),
    ],
)
def test_j05_an_offered_key_is_not_used(offer: dict[str, object]) -> None:
    """A token cannot bring the key that verifies it, and may hold one without harm."""
    assert reason(mint(EVIL, header={"kid": "k2", **offer})) is Reason.BAD_SIGNATURE
    assert reason(mint(EVIL, header={"kid": ..., **offer})) is Reason.BAD_SIGNATURE
    verify(mint(EC, header=offer), KNOWN, NOW)


@pytest.mark.parametrize("kid", ["../../../../dev/null", "k1' OR '1'='1", "|/bin/id", "K1", "k1 ", "k" * 256, "k\r\nk"])
def test_j06_j08_an_unknown_kid_is_refused_and_named(kid: str) -> None:
    """J06, J08: no other key is tried; issuer and kid come along, so that the key set can be fetched again."""
    refused = refusal(mint(RSA, header={"kid": kid}))
    assert (refused.reason, refused.issuer, refused.kid) == (Reason.UNKNOWN_KEY, ISSUER, kid)
    assert refused.detail.isprintable()
    assert len(refused.detail) < 130


def test_j07_without_kid_the_only_key_is_meant() -> None:
    """Without kid a token passes if its issuer has just one key of the algorithm."""
    bare = mint(signing_key("RS256", None))
    assert verify(bare, KNOWN, NOW).kid is None
    assert reason(bare, authorities(RSA, signing_key("RS256", "k4", 1))) is Reason.UNKNOWN_KEY
    refused = refusal(mint(signing_key("ES384", None)))
    assert (refused.reason, refused.kid) == (Reason.UNKNOWN_KEY, None)


def test_j09_a_withdrawn_key_verifies_no_more() -> None:
    """With the new key set the new key is good, and the old one unknown."""
    fresh = signing_key("RS256", "k9", number=1)
    verify(mint(fresh), authorities(fresh), NOW)
    assert reason(mint(RSA), authorities(fresh)) is Reason.UNKNOWN_KEY


def test_j10_without_keys_nobody_can_be_verified() -> None:
    """That an issuer has no keys is its own reason, for it is not the caller's fault."""
    refused = refusal(mint(RSA), authorities(keys=KeySet()))
    assert (refused.reason, refused.issuer) == (Reason.NO_KEYS, ISSUER)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(b"\0" * 64, id="J12-zeros"),
        pytest.param(b"\0" * 63, id="J12-63-bytes"),
        pytest.param(b"\0" * 65, id="J12-65-bytes"),
        pytest.param(lambda data: EC.private.sign(data, ec.ECDSA(SHA256())), id="J12-DER"),
        pytest.param(RSA.sign, id="J12-of-another-key"),
    ],
)
def test_j12_a_false_signature_is_refused(signature: Any) -> None:
    """What is no signature of the key is refused before any claim is judged."""
    assert reason(mint(EC, claims(exp=0, aud=5), signature=signature)) is Reason.BAD_SIGNATURE


def test_j14_the_same_signature_in_another_spelling_is_refused() -> None:
    """Two spellings of one token are not two tokens."""
    token = mint(EC)
    head, last = token[:-1], token[-1:]
    twin = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(last) ^ 1
    other = head + b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[twin : twin + 1]
    assert reason(other) is Reason.MALFORMED
    assert reason(token + b"==") is Reason.MALFORMED


@pytest.mark.parametrize(
    "header",
    [{"crit": ["exp"], "exp": 1}, {"crit": ["x"]}, {"crit": []}, {"crit": "b64"}, {"b64": False}, {"b64": True}],
)
def test_j17_j18_an_extension_is_refused_even_when_signed(header: dict[str, object]) -> None:
    """J17, J18: nothing critical is understood here."""
    assert reason(mint(EC, header=header)) is Reason.CRITICAL_HEADER


@pytest.mark.parametrize("typ", [..., "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"])
def test_j19_types_of_access_tokens_pass(typ: object) -> None:
    """An absent `typ`, JWT, and the provider's own types are good."""
    verify(mint(EC, header={"typ": typ}), KNOWN, NOW)


@pytest.mark.parametrize("typ", ["logout+jwt", "JWE", "secevent+jwt", "JOSE", "dpop+jwt", "", "at+jwt ", "text/at+jwt"])
def test_j19_other_types_are_refused(typ: str) -> None:
    """A token made for another purpose is no access token."""
    assert reason(mint(EC, header={"typ": typ})) is Reason.WRONG_TYPE


def test_j19_a_provider_says_its_own_types() -> None:
    """Cognito signs with typ JWS."""
    cognito = authorities(EC, types=frozenset({"jws"}))
    verify(mint(EC, header={"typ": "JWS"}), cognito, NOW)
    assert reason(mint(EC, header={"typ": "at+jwt"}), cognito) is Reason.WRONG_TYPE


@pytest.mark.parametrize(
    "text", [b'"exp":1,"exp":1790000060', b'"sub":"a","s\\u0075b":"b"', b'"aud":"x","aud":"aegis"']
)
def test_j20_a_claim_that_comes_twice_is_refused(text: bytes) -> None:
    """Two readers could take different ones."""
    assert reason(said_as(text)) is Reason.MALFORMED


@pytest.mark.parametrize("size", [8 * 1024, 16 * 1024])
def test_j23_a_token_of_legal_size_passes(size: int) -> None:
    """Tokens of 8 KiB, and up to 16 KiB, are verified."""
    pad = (size - len(mint(EC, claims(pad="")))) * 3 // 4 - 2
    token = mint(EC, claims(pad="x" * pad))
    assert size - 8 < len(token) <= size
    verify(token, KNOWN, NOW)
    assert reason(mint(EC, claims(pad="x" * 13000))) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b'"exp":null', Reason.BAD_CLAIM, id="J24-null"),
        pytest.param(b'"exp":"1790000060"', Reason.BAD_CLAIM, id="J24-string"),
        pytest.param(b'"exp":true', Reason.BAD_CLAIM, id="J24-true"),
        pytest.param(b'"exp":[1790000060]', Reason.BAD_CLAIM, id="J24-list"),
        pytest.param(b'"exp":{}', Reason.BAD_CLAIM, id="J24-object"),
        pytest.param(b'"exp":1e400', Reason.MALFORMED, id="J24-1e400"),
        pytest.param(b'"exp":NaN', Reason.MALFORMED, id="J24-NaN"),
        pytest.param(b'"exp":1' + b"0" * 4000, Reason.MALFORMED, id="J24-10^4000"),
        pytest.param(b'"exp":99999999999999999999', Reason.LIFETIME_TOO_LONG, id="J24-10^20"),
        pytest.param(b'"exp":1e308', Reason.LIFETIME_TOO_LONG, id="J24-1e308"),
        pytest.param(b'"exp":-1,"nbf":-5', Reason.EXPIRED, id="J24-negative"),
        pytest.param(b'"exp":0,"nbf":0', Reason.EXPIRED, id="J24-zero"),
        pytest.param(b'"exp":-1e308,"nbf":-1e308', Reason.EXPIRED, id="J24-minus-1e308"),
        pytest.param(b'"nbf":"1790000000"', Reason.BAD_CLAIM, id="J25-nbf-string"),
        pytest.param(b'"nbf":null', Reason.BAD_CLAIM, id="J25-nbf-null"),
        pytest.param(b'"nbf":false', Reason.BAD_CLAIM, id="J25-nbf-bool"),
        pytest.param(b'"iat":"1790000000"', Reason.BAD_CLAIM, id="J25-iat-string"),
        pytest.param(b'"iat":[]', Reason.BAD_CLAIM, id="J25-iat-list"),
        pytest.param(b'"nbf":1790000300', Reason.BAD_CLAIM, id="J25-nbf-after-exp"),
        pytest.param(b'"nbf":1790000040', Reason.NOT_YET_VALID, id="J25-nbf-ahead"),
        pytest.param(b'"iat":1790000300', Reason.NOT_YET_VALID, id="J25-iat-ahead"),
        pytest.param(b'"iat":1e308', Reason.NOT_YET_VALID, id="J25-iat-1e308"),
    ],
)
def test_j24_j25_times_are_numbers_within_bounds(text: bytes, expected: Reason) -> None:
    """Times of another type are refused, not converted, and none makes the arithmetic raise."""
    assert reason(said_as(text)) is expected


def test_j24_exp_is_required() -> None:
    """A token without end is refused."""
    assert reason(said(exp=...)) is Reason.BAD_CLAIM


@pytest.mark.parametrize(
    ("ago", "good"), [(0, True), (1, True), (29, True), (29.9, True), (30, False), (30.5, False), (31, False)]
)
def test_j24_j38_a_token_ends_with_exp_and_skew(ago: float, good: bool) -> None:
    """J24, J38: from exp + 30 s on a token is expired, at every call anew."""
    token = said(exp=NOW - ago, iat=NOW - 100, nbf=NOW - 100)
    if good:
        assert verify(token, KNOWN, NOW).expires_at == NOW - ago + SKEW
    else:
        assert reason(token) is Reason.EXPIRED


@pytest.mark.parametrize(("ahead", "good"), [(86400, True), (86430, True), (86430.5, False), (86500, False)])
def test_j24_exp_lies_within_the_longest_lifetime(ahead: float, good: bool) -> None:
    """A token for ever is refused, whoever signed it."""
    token = said(exp=NOW + ahead)
    if good:
        assert verify(token, KNOWN, NOW).not_before == max(NOW - SKEW, NOW + ahead - 86400 - SKEW)
    else:
        assert reason(token) is Reason.LIFETIME_TOO_LONG


@pytest.mark.parametrize("name", ["nbf", "iat"])
@pytest.mark.parametrize(("ahead", "good"), [(0, True), (20, True), (30, True), (30.5, False), (31, False)])
def test_j25_a_token_begins_with_nbf_and_iat(name: str, ahead: float, good: bool) -> None:
    """A token is good from 30 s before nbf and iat on (Vault's nbf is its own clock's second)."""
    token = said(**{name: NOW + ahead})
    if good:
        assert verify(token, KNOWN, NOW).not_before == NOW + ahead - SKEW
    else:
        assert reason(token) is Reason.NOT_YET_VALID


def test_times_may_be_fractions_and_nbf_and_iat_absent() -> None:
    """NumericDate may have a fraction (RFC 7519 section 2), and only exp is required."""
    assert verify(said(exp=NOW + 0.9, iat=..., nbf=...), KNOWN, NOW).expires_at == NOW + 0.9 + SKEW


def test_j26_another_clock_gives_another_verdict() -> None:
    """The same token is judged by the time that is given, an hour ahead or behind."""
    token = said()
    assert reason(token, now=NOW + 3600) is Reason.EXPIRED
    assert reason(token, now=NOW - 3600) is Reason.NOT_YET_VALID
    verify(token, KNOWN, NOW)


def test_the_skew_can_be_set() -> None:
    """Without skew the bounds are those of the token."""
    verified = verify(said(), KNOWN, NOW, skew=0)
    assert (verified.not_before, verified.expires_at) == (NOW, NOW + 60)


@pytest.mark.parametrize(
    "iss",
    [
        pytest.param(..., id="J27-missing"),
        pytest.param(None, id="J27-null"),
        pytest.param([ISSUER], id="J27-list"),
        pytest.param({ISSUER: 1}, id="J27-object"),
        pytest.param(5, id="J27-number"),
        pytest.param("", id="J27-empty"),
        pytest.param(ISSUER + "/", id="J27-trailing-slash"),
        pytest.param(ISSUER + " ", id="J27-trailing-space"),
        pytest.param(ISSUER.upper(), id="J27-upper-case"),
        pytest.param("https://Issuer.example", id="J27-upper-case-host"),
        pytest.param("http://issuer.example", id="J27-http"),
        pytest.param("x" + ISSUER + "x", id="J27-substring"),
        pytest.param(ISSUER + ".evil.example", id="J27-prefix"),
        pytest.param("https://login.example/common", id="J34-common-tenant"),
    ],
)
def test_j27_j34_an_issuer_is_exactly_the_providers(iss: object) -> None:
    """Only the configured issuer, byte for byte, leads to keys."""
    refused = refusal(said(iss=iss))
    assert (refused.reason, refused.issuer) == (Reason.UNKNOWN_ISSUER, "")


def test_j27_without_providers_every_issuer_is_unknown() -> None:
    """Nothing known, nobody trusted."""
    assert reason(said(), {}) is Reason.UNKNOWN_ISSUER


@pytest.mark.parametrize(
    ("aud", "expected"),
    [
        pytest.param(..., Reason.NO_AUDIENCE, id="J28-missing"),
        pytest.param(None, Reason.NO_AUDIENCE, id="J28-null"),
        pytest.param([], Reason.NO_AUDIENCE, id="J28-empty-list"),
        pytest.param("", Reason.WRONG_AUDIENCE, id="J28-empty"),
        pytest.param([["aegis"]], Reason.BAD_CLAIM, id="J28-nested"),
        pytest.param(["aegis", 5], Reason.BAD_CLAIM, id="J28-mixed"),
        pytest.param(["aegis", None], Reason.BAD_CLAIM, id="J28-mixed-null"),
        pytest.param({"aegis": 1}, Reason.BAD_CLAIM, id="J28-object"),
        pytest.param({}, Reason.BAD_CLAIM, id="J28-empty-object"),
        pytest.param(5, Reason.BAD_CLAIM, id="J28-number"),
        pytest.param(False, Reason.BAD_CLAIM, id="J28-false"),
        pytest.param("aegisaegis", Reason.WRONG_AUDIENCE, id="J28-twice"),
        pytest.param("aeg", Reason.WRONG_AUDIENCE, id="J28-prefix"),
        pytest.param("Aegis", Reason.WRONG_AUDIENCE, id="J28-case"),
        pytest.param("aegis ", Reason.WRONG_AUDIENCE, id="J28-space"),
        pytest.param(["A", "B", "C", "D", "E\n"], Reason.WRONG_AUDIENCE, id="J28-others"),
        pytest.param("https://kubernetes.default.svc", Reason.WRONG_AUDIENCE, id="J35-api-server"),
        pytest.param(["https://kubernetes.default.svc", "vault"], Reason.WRONG_AUDIENCE, id="J35-vault"),
        pytest.param("orders.shop.svc", Reason.WRONG_AUDIENCE, id="J36-another-service"),
    ],
)
def test_j28_j35_j36_a_token_is_for_this_audience(aud: object, expected: Reason) -> None:
    """A token for somebody else, or for nobody, is refused."""
    refused = refusal(said(aud=aud))
    assert (refused.reason, refused.issuer) == (expected, ISSUER)
    assert refused.detail.isprintable()


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["other", AUDIENCE], [AUDIENCE, AUDIENCE]])
def test_j28_one_of_several_audiences_is_enough(aud: object) -> None:
    """A string, or a list that holds ours."""
    verify(said(aud=aud), KNOWN, NOW)


@pytest.mark.parametrize(("aud", "good"), [("orders.shop.svc", True), ("orders.bank.svc", False), ("aegis", False)])
def test_j36_an_audience_per_destination_is_of_the_own_namespace(aud: str, good: bool) -> None:
    """A token that another namespace's service received is worthless here."""
    per_destination = authorities(EC, audiences=Audiences(frozenset(), "shop"))
    if good:
        verify(said(aud=aud), per_destination, NOW)
    else:
        assert reason(said(aud=aud), per_destination) is Reason.WRONG_AUDIENCE


@pytest.mark.parametrize(
    ("sub", "expected"),
    [
        pytest.param(..., Reason.NO_SUBJECT, id="J29-missing"),
        pytest.param(None, Reason.BAD_CLAIM, id="J29-null"),
        pytest.param(5, Reason.BAD_CLAIM, id="J29-number"),
        pytest.param([SUBJECT], Reason.BAD_CLAIM, id="J29-list"),
        pytest.param({"a": SUBJECT}, Reason.BAD_CLAIM, id="J29-object"),
        pytest.param("", Reason.NO_SUBJECT, id="J29-empty"),
        pytest.param(SUBJECT + "\r\nX-Evil: 1", Reason.NO_SUBJECT, id="J29-CRLF"),
        pytest.param("system:serviceaccount:shop:*", Reason.NO_SUBJECT, id="J29-star"),
        pytest.param("*", Reason.NO_SUBJECT, id="J29-only-star"),
        pytest.param("system:serviceaccount:shop", Reason.NO_SUBJECT, id="J29-three-parts"),
        pytest.param(SUBJECT + ":x", Reason.NO_SUBJECT, id="J29-extra-colon"),
        pytest.param("system:serviceaccount:shop:Identity01", Reason.NO_SUBJECT, id="J40-case"),
        pytest.param("system:serviceaccount:shop:identity01.", Reason.NO_SUBJECT, id="J40-trailing-dot"),
        pytest.param("system:serviceaccount:shop:identit\u0443", Reason.NO_SUBJECT, id="J40-homoglyph"),
        pytest.param("system:serviceaccount:shop:cafe\u0301", Reason.NO_SUBJECT, id="J40-NFD"),
        pytest.param("system:serviceaccount:shop:caf\u00e9", Reason.NO_SUBJECT, id="J40-NFC"),
        pytest.param(" " + SUBJECT, Reason.NO_SUBJECT, id="J40-leading-space"),
    ],
)
def test_j29_j40_a_subject_is_a_service_account(sub: object, expected: Reason) -> None:
    """J19, J29, J40: what does not name exactly one ServiceAccount is refused with a line fit for the log."""
    refused = refusal(said(sub=sub))
    assert (refused.reason, refused.issuer) == (expected, ISSUER)
    assert refused.detail.isprintable()


def test_j40_two_names_are_two_callers() -> None:
    """Names that look alike stay apart, though subjects are shared between tokens."""
    names = ["cert-manager.io", "cert-manager-io", "a", "a.b"]
    found = [verify(said(sub=f"system:serviceaccount:shop:{name}"), KNOWN, NOW) for name in names * 2]
    assert [caller.subject.name for caller in found] == names * 2
    assert [caller.subject_text.decode() for caller in found] == [f"system:serviceaccount:shop:{n}" for n in names * 2]


class PluginDefectError(Exception):
    pass


def failing(error: Exception) -> Any:
    def subject(_: Mapping[str, object]) -> NoReturn:
        raise error

    return subject


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(TypeError("roles[0]"), id="J30-azure-roles"),
        pytest.param(IndexError(), id="J31-cognito-amr"),
        pytest.param(KeyError("azp"), id="J37-azp"),
        pytest.param(RecursionError(), id="recursion"),
        pytest.param(PluginDefectError("secret words"), id="its-own"),
        pytest.param(TokenRefused(Reason.EXPIRED, "x"), id="ours"),
    ],
)
def test_a_plugins_defect_is_a_refusal(error: Exception) -> None:
    """Whatever a plugin raises, the caller is unknown; the words of its error stay out of the detail."""
    refused = refusal(said(), authorities(EC, subject=failing(error)))
    assert (refused.reason, refused.issuer) == (Reason.PLUGIN_FAILED, ISSUER)
    assert refused.detail == f"the plugin of local raised {type(error).__name__}"
    assert refused.__cause__ is error


class FalseSubject(Subject):
    def __str__(self) -> str:
        return "admin\r\nX-Evil: 1"


@pytest.mark.parametrize("result", [None, SUBJECT, object(), FalseSubject("shop", "identity01")])
def test_what_a_plugin_returns_is_a_subject(result: object) -> None:
    """H19: only a Subject itself, whose parts were checked when it was made, goes into a header field."""
    assert reason(said(), authorities(EC, subject=lambda _: result)) is Reason.PLUGIN_FAILED


def test_a_plugin_cannot_change_the_claims() -> None:
    """Claims that a plugin is asked about are read-only."""

    def changing(members: Mapping[str, object]) -> Subject:
        members["sub"] = "x"  # type: ignore[index]  # the point of the test
        raise AssertionError

    refused = refusal(said(), authorities(EC, subject=changing))
    assert refused.detail == "the plugin of local raised TypeError"


def test_a_plugins_refusal_is_shown_in_one_line() -> None:
    """J37, J43: what a plugin says of the claims is escaped and cut."""
    refused = refusal(said(), authorities(EC, subject=failing(ClaimRefused("azp is \r\n" + "x" * 500))))
    assert refused.reason is Reason.NO_SUBJECT
    assert refused.detail.startswith(r"'azp is \r\nxxx")
    assert len(refused.detail) < 80


def test_a_plugin_is_asked_only_about_good_tokens() -> None:
    """The plugin sees no claims that are not signed, in time and for us."""
    asked: list[Mapping[str, object]] = []

    def subject(members: Mapping[str, object]) -> Subject:
        asked.append(members)
        return subject_of_sub(members)

    known = authorities(EC, subject=subject)
    for token in (mint(EC, signature=b"x"), said(exp=0, nbf=0), said(aud="x"), said(cnf={}), mint(EVIL), said(iss="x")):
        assert reason(token, known)
    assert asked == []
    verify(said(), known, NOW)
    assert asked == [claims()]


OTHER_ISSUER = "https://other.example"


def test_j32_j33_keys_belong_to_their_issuer() -> None:
    """J32, J33: a kid is looked up in the set of the token's own issuer, though another has one of that name."""
    here, there = signing_key("ES256", "k1", 1), signing_key("ES256", "k1", 2)
    both = {**authorities(here), **authorities(there, issuer=OTHER_ISSUER, provider="other")}
    assert verify(mint(here, claims()), both, NOW).provider == "local"
    assert verify(mint(there, claims(iss=OTHER_ISSUER)), both, NOW).provider == "other"
    assert reason(mint(there, claims()), both) is Reason.BAD_SIGNATURE
    assert reason(mint(here, claims(iss=OTHER_ISSUER)), both) is Reason.BAD_SIGNATURE


def test_j32_each_issuer_has_its_own_rules() -> None:
    """J32, J35: audience, algorithms and types of one provider do not open another."""
    other = authority(
        RSA, issuer=OTHER_ISSUER, audiences=Audiences(frozenset({"vault"})), algorithms=frozenset({"RS256"})
    )
    both = {**KNOWN, OTHER_ISSUER: other}
    assert reason(mint(RSA, claims(iss=OTHER_ISSUER)), both) is Reason.WRONG_AUDIENCE
    assert reason(mint(RSA, claims(aud="vault")), both) is Reason.WRONG_AUDIENCE
    verify(mint(RSA, claims(iss=OTHER_ISSUER, aud="vault")), both, NOW)


def test_j39_a_bearer_token_may_come_again() -> None:
    """The same jti passes twice: that is what a bearer token is."""
    token = said(jti="once")
    assert verify(token, KNOWN, NOW).subject == verify(token, KNOWN, NOW).subject


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": "x"}, {}, None])
def test_j39_a_token_that_wants_a_proof_is_refused(cnf: object) -> None:
    """A sender-constrained token is no bearer token."""
    assert reason(said(cnf=cnf)) is Reason.SENDER_CONSTRAINED


def test_j41_another_signature_is_another_token() -> None:
    """The same header and payload under a false signature are refused, right after the good one."""
    token = mint(RSA)
    verify(token, KNOWN, NOW)
    head = token.rpartition(b".")[0]
    assert reason(head + b"." + b64(b"\1" * 256)) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "changes",
    [{"exp": 1}, {"nbf": int(NOW) + 999}, {"aud": "other"}, {"sub": "*"}, {"exp": "x"}, {"cnf": {}}, {"typ": 5}],
    ids=str,
)
def test_j42_claims_are_not_looked_at_before_the_signature(changes: dict[str, object]) -> None:
    """Who cannot sign learns nothing of what a good token holds, by time as little as by text."""
    assert reason(mint(EC, claims(**changes), signature=RSA.sign(b"x")[:64])) is Reason.BAD_SIGNATURE


def test_j43_a_refusal_quotes_no_token() -> None:
    """No segment of the token, and no other error, hangs on a refusal, wherever it comes from."""
    tokens = [
        mint(EC, signature=b"x" * 64),
        mint(EC, header={"kid": "x" * 200}),
        mint(EC, b'{"iss":"\xff"}'),
        mint(EC, b'{"iss":'),
        mint(EC)[:-1] + b"=",
        said(aud="x" * 500),
        said(exp="x" * 500),
        said(sub="x" * 500),
        said(iss="x" * 500),
        mint(EC, header={"typ": "x" * 500}),
        mint(EC, header={"alg": "x" * 500}),
    ]
    for token in tokens:
        refused = refusal(token)
        assert refused.detail.isprintable()
        assert len(refused.detail) < 150
        assert all(segment.decode()[:16] not in str(refused) for segment in token.split(b"."))
        assert refused.__cause__ is None


GOOD_TOKENS = [mint(RSA), mint(EC), mint(ED)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
TIME = (
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70) | st.sampled_from([NOW, NOW + 29])
)
CLAIM = st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "cnf", "jti"])


def verified_or_refused(token: bytes, now: float = NOW) -> None:
    """Any other exception fails the test."""
    try:
        verified = verify(token, KNOWN, now)
    except TokenRefused as error:
        detail = error.detail
    else:
        assert verified.not_before <= now < verified.expires_at
        detail = ""
    assert detail.isprintable()


@given(st.binary(max_size=300))
def test_any_bytes_are_verified_or_refused(token: bytes) -> None:
    """Whatever comes is a caller or a TokenRefused."""
    verified_or_refused(token)


@given(st.sampled_from(GOOD_TOKENS), st.data())
def test_a_mutated_token_is_refused(token: bytes, data: st.DataObject) -> None:
    """A good token with bytes replaced, removed, doubled or put in is never good."""
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(len(token), start + 8)))
    filling = data.draw(st.binary(max_size=4) | st.sampled_from([b".", b"=", b"A", b"\0", token[start:end] * 2]))
    mutant = token[:start] + filling + token[end:]
    if mutant != token:
        assert reason(mutant) is not Reason.PLUGIN_FAILED


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "cty", "b64", "zip"]), JSON))
def test_any_signed_header_is_verified_or_refused(header: dict[str, object]) -> None:
    """A good signature over any header is a caller or a TokenRefused."""
    verified_or_refused(mint(ED, header=header))


@given(st.dictionaries(CLAIM, JSON | TIME), TIME)
def test_any_signed_claims_are_verified_or_refused(changes: dict[str, object], now: float) -> None:
    """A good signature over any claims, at any time, is a caller or a TokenRefused."""
    verified_or_refused(mint(ED, {**claims(), **changes}), now)


@given(st.binary(max_size=100))
def test_any_signed_payload_is_verified_or_refused(payload: bytes) -> None:
    """A good signature over any bytes is a caller or a TokenRefused."""
    header = b64(b'{"alg":"EdDSA","kid":"k3"}')
    verified_or_refused(sealed(header, b64(payload), ED))


@given(st.floats(NOW - 200, NOW + 200))
def test_the_period_is_where_the_token_passes(now: float) -> None:
    """`not_before` and `expires_at` say for every moment what `verify` says."""
    token = mint(ED, claims(nbf=NOW - 50, iat=NOW - 20, exp=NOW + 60))
    known = authorities(ED, max_lifetime=100)
    period = verify(token, known, NOW)
    if period.not_before <= now < period.expires_at:
        assert verify(token, known, now).expires_at == period.expires_at
    else:
        assert reason(token, known, now) in {Reason.EXPIRED, Reason.NOT_YET_VALID, Reason.LIFETIME_TOO_LONG}


def test_keys_of_the_samples_are_published() -> None:
    """The refusals above are not for want of keys."""
    assert set(key_set(RSA, EC, ED).by_kid) == {"k1", "k2", "k3"}
    assert [verify(token, KNOWN, NOW).kid for token in GOOD_TOKENS] == ["k1", "k2", "k3"]


def test_an_id_of_the_provider_is_looked_up() -> None:
    """Where a token holds no more, the provider's status says whose id it is; an id that is nobody's is refused."""
    known = {"id-1": Subject("shop", "cart")}
    good = authorities(EC, subject=lambda _: Principal("id-1"), principals=known)
    assert verify(said(), good, NOW).subject == Subject("shop", "cart")
    for unknown in (
        authorities(EC, subject=lambda _: Principal("id-2"), principals=known),
        authorities(EC, subject=lambda _: Principal("id-1")),
    ):
        refused = refusal(said(), unknown)
        assert refused.reason is Reason.NO_SUBJECT
        assert "no Identity of the provider has the id" in refused.detail

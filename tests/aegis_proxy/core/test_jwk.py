"""Which published keys verify, and what a signature must be: J11 to J13, with the classes of Wycheproof's vectors."""

import hashlib
from base64 import b64encode
from math import prod

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from aegis_idp.values import ASYMMETRIC_ALGORITHMS
from aegis_proxy.core.jwk import Unfit, UnfitError, checks_of, kid_of
from aegis_proxy.core.keys import Key
from support.tokens import SigningKey, b64_number, b64_text, rsa_key, signing_key

RSA, P256, P384, ED = signing_key("RS256"), signing_key("ES256"), signing_key("ES384"), signing_key("EdDSA")
NUMBERS = RSA.private.private_numbers()
N, D, SIZE = NUMBERS.public_numbers.n, NUMBERS.d, 256
P256_POINT = P256.private.public_key().public_numbers()
DATA = b"header.payload"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# A modulus as the flawed library of ROCA made its primes: modulo every small prime a power of 65537.
SMALL_PRIMES = [p for p in range(2, 168) if all(p % q for q in range(2, p))]
PRIMORIAL = prod(SMALL_PRIMES)
ROCA = PRIMORIAL * ((1 << 2047) // PRIMORIAL + 12345) + pow(65537, 98765, PRIMORIAL)


def key(jwk: dict[str, object], algorithms: frozenset[str] = ASYMMETRIC_ALGORITHMS) -> Key:
    return Key(kid_of(jwk), checks_of(jwk, algorithms))


def unfit(jwk: dict[str, object], algorithms: frozenset[str] = ASYMMETRIC_ALGORITHMS) -> Unfit:
    with pytest.raises(UnfitError) as caught:
        key(jwk, algorithms)
    return caught.value.reason


@pytest.mark.parametrize("algorithm", [*sorted(ASYMMETRIC_ALGORITHMS), "Ed448"])
def test_each_algorithm_verifies_its_own_signature(algorithm: str) -> None:
    """A signature passes over its own data only, with its own key only, and not with one bit changed."""
    signer = signing_key(algorithm)
    public, signature = key(signer.jwk()), signer.sign(DATA)
    assert public.algorithms == {signer.alg}
    assert public.verify(DATA, signature, signer.alg)
    assert not public.verify(DATA + b"x", signature, signer.alg)
    assert not public.verify(DATA, bytes([signature[0] ^ 1]) + signature[1:], signer.alg)
    assert not public.verify(DATA, signature[:-1] + bytes([signature[-1] ^ 1]), signer.alg)
    assert not key(signing_key(algorithm, number=1).jwk()).verify(DATA, signature, signer.alg)


@pytest.mark.parametrize("signed", sorted(ASYMMETRIC_ALGORITHMS))
@pytest.mark.parametrize("asked", [*sorted(ASYMMETRIC_ALGORITHMS), "none", "HS256", ""])
def test_a_signature_is_of_one_algorithm(signed: str, asked: str) -> None:
    """J03: a key without `alg` takes a signature only under the algorithm that made it."""
    signer = signing_key(signed)
    assert key(signer.jwk(alg=None)).verify(DATA, signer.sign(DATA), asked) is (signed == asked)


def test_a_key_takes_the_algorithms_of_its_kind() -> None:
    """Without `alg`, a key is for what its type and curve can do, of what the provider allows."""
    rsa = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    assert key(RSA.jwk(alg=None)).algorithms == rsa
    assert key(RSA.jwk(alg=None), frozenset({"RS256", "PS512", "ES256"})).algorithms == {"RS256", "PS512"}
    assert key(P384.jwk(alg=None)).algorithms == {"ES384"}
    assert key(RSA.jwk()).algorithms == {"RS256"}


@pytest.mark.parametrize(
    ("jwk", "reason"),
    [
        pytest.param({"kty": "oct", "k": "AAAA", "kid": "k1"}, Unfit.SYMMETRIC, id="J11-oct"),
        pytest.param({"kty": "oct"}, Unfit.SYMMETRIC, id="J11-oct-empty"),
        pytest.param(RSA.jwk(d=b64_number(D)), Unfit.PRIVATE, id="J11-private"),
        pytest.param(RSA.jwk(use="enc"), Unfit.NOT_FOR_VERIFYING, id="J11-use-enc"),
        pytest.param(RSA.jwk(use=5), Unfit.NOT_FOR_VERIFYING, id="J11-use-number"),
        pytest.param(RSA.jwk(key_ops=["encrypt"]), Unfit.NOT_FOR_VERIFYING, id="J11-ops-encrypt"),
        pytest.param(RSA.jwk(key_ops=["sign"]), Unfit.NOT_FOR_VERIFYING, id="J11-ops-sign"),
        pytest.param(RSA.jwk(key_ops=[]), Unfit.NOT_FOR_VERIFYING, id="J11-ops-none"),
        pytest.param(RSA.jwk(key_ops="verify"), Unfit.NOT_FOR_VERIFYING, id="J11-ops-string"),
        pytest.param(RSA.jwk(kid=5), Unfit.MALFORMED, id="J11-kid-number"),
        pytest.param(RSA.jwk(kid=""), Unfit.MALFORMED, id="J11-kid-empty"),
        pytest.param(RSA.jwk(kid="k" * 257), Unfit.MALFORMED, id="J11-kid-long"),
        pytest.param({"kid": "k1"}, Unfit.MALFORMED, id="J11-no-kty"),
        pytest.param(RSA.jwk(kty=5), Unfit.MALFORMED, id="J11-kty-number"),
        pytest.param(RSA.jwk(kty="AKP"), Unfit.UNSUPPORTED, id="J11-kty-unknown"),
        pytest.param(RSA.jwk(kty="rsa"), Unfit.UNSUPPORTED, id="J11-kty-case"),
        pytest.param(RSA.jwk(alg=5), Unfit.MALFORMED, id="J11-alg-number"),
        pytest.param(RSA.jwk(alg="ES256"), Unfit.WRONG_ALGORITHM, id="J11-alg-of-another-kty"),
        pytest.param(RSA.jwk(alg="RSA-OAEP"), Unfit.WRONG_ALGORITHM, id="J11-alg-encrypts"),
        pytest.param(RSA.jwk(alg="HS256"), Unfit.WRONG_ALGORITHM, id="J02-alg-hmac"),
        pytest.param(RSA.jwk(alg="none"), Unfit.WRONG_ALGORITHM, id="J01-alg-none"),
        pytest.param(P256.jwk(alg="ES384"), Unfit.WRONG_ALGORITHM, id="J11-alg-of-another-curve"),
        pytest.param(ED.jwk(alg="ES256"), Unfit.WRONG_ALGORITHM, id="J11-alg-of-another-kind"),
        pytest.param(RSA.jwk(kty="EC"), Unfit.MALFORMED, id="J11-kty-EC-without-crv"),
        pytest.param(P256.jwk(kty="RSA"), Unfit.MALFORMED, id="J11-kty-RSA-without-n"),
        pytest.param(P256.jwk(kty="OKP"), Unfit.UNSUPPORTED, id="J11-kty-OKP-crv-of-EC"),
        pytest.param(ED.jwk(kty="EC"), Unfit.UNSUPPORTED, id="J11-kty-EC-crv-of-OKP"),
        pytest.param(P256.jwk(crv="P-384"), Unfit.MALFORMED, id="J11-crv-mismatch"),
        pytest.param(P256.jwk(crv="secp256k1"), Unfit.UNSUPPORTED, id="J11-crv-unsupported"),
        pytest.param(ED.jwk(crv="X25519"), Unfit.UNSUPPORTED, id="J11-crv-agrees-keys"),
        pytest.param(ED.jwk(crv="Ed448"), Unfit.MALFORMED, id="J11-okp-crv-mismatch"),
        pytest.param(ED.jwk(x=b64_text(b"x" * 31)), Unfit.MALFORMED, id="J11-okp-short"),
        pytest.param(RSA.jwk(n=None), Unfit.MALFORMED, id="J11-no-n"),
        pytest.param(RSA.jwk(e=None), Unfit.MALFORMED, id="J11-no-e"),
        pytest.param(RSA.jwk(n=5), Unfit.MALFORMED, id="J11-n-number"),
        pytest.param(RSA.jwk(n="\u00fc"), Unfit.MALFORMED, id="J11-n-not-ascii"),
        pytest.param(RSA.jwk(n="A"), Unfit.MALFORMED, id="J11-n-not-base64"),
        pytest.param(RSA.jwk(n=b64_number(N) + "\n"), Unfit.MALFORMED, id="J11-n-newline"),
        pytest.param(RSA.jwk(e="AQAB="), Unfit.MALFORMED, id="J11-e-padded"),
        pytest.param(RSA.jwk(n=""), Unfit.WEAK, id="J11-n-empty"),
        pytest.param(SigningKey("RS256", "k1", rsa_key(bits=1024)).jwk(), Unfit.WEAK, id="J11-rsa-1024"),
        pytest.param(RSA.jwk(n=b64_number((1 << 2047) - 1)), Unfit.WEAK, id="J11-rsa-2047"),
        pytest.param(RSA.jwk(e=b64_number(1)), Unfit.WEAK, id="J11-e-1"),
        pytest.param(RSA.jwk(e="AA"), Unfit.WEAK, id="J11-e-0"),
        pytest.param(RSA.jwk(e=b64_number(65536)), Unfit.WEAK, id="J11-e-even"),
        pytest.param(RSA.jwk(n=b64_number(N + 1)), Unfit.WEAK, id="J11-n-even"),
        pytest.param(RSA.jwk(n=b64_number(167 * (2**2041 + 1))), Unfit.WEAK, id="J11-n-small-factor"),
        pytest.param(RSA.jwk(n=b64_number(ROCA)), Unfit.WEAK, id="J11-roca"),
        pytest.param(RSA.jwk(n=b64_number((1 << 8192) + 1)), Unfit.OVERSIZED, id="J11-rsa-8193"),
        pytest.param(RSA.jwk(n="A" * 1_000_000 + "B"), Unfit.MALFORMED, id="J10-n-of-a-megabyte-malformed"),
        pytest.param(RSA.jwk(n="_" * 1_000_000), Unfit.OVERSIZED, id="J10-n-of-a-megabyte"),
        pytest.param(RSA.jwk(e=b64_number(2**32 + 1)), Unfit.OVERSIZED, id="J11-e-33-bits"),
        pytest.param(RSA.jwk(e=b64_number(N - 2)), Unfit.OVERSIZED, id="J11-e-as-long-as-n"),
        pytest.param(P256.jwk(y=b64_number(P256_POINT.y ^ 1, 32)), Unfit.OFF_CURVE, id="J11-off-curve"),
        pytest.param(P256.jwk(x=b64_number(0, 32), y=b64_number(0, 32)), Unfit.OFF_CURVE, id="J11-infinity"),
        pytest.param(P256.jwk(x="_" * 42 + "8", y="_" * 42 + "8"), Unfit.OFF_CURVE, id="J11-beyond-the-field"),
        pytest.param(P256.jwk(x=b64_number(P256_POINT.x, 33)), Unfit.MALFORMED, id="J11-x-long"),
        pytest.param(P256.jwk(y=b64_number(P256_POINT.y >> 8, 31)), Unfit.MALFORMED, id="J11-y-short"),
        pytest.param(P256.jwk(y=None), Unfit.MALFORMED, id="J11-no-y"),
    ],
)
def test_an_unfit_key_is_refused_with_its_reason(jwk: dict[str, object], reason: Unfit) -> None:
    """A key that cannot be trusted to verify is no key."""
    assert unfit(jwk) is reason


def test_a_key_of_no_allowed_algorithm_is_refused() -> None:
    """A sound key that the provider's algorithms leave nothing to do is dropped."""
    assert unfit(RSA.jwk(), frozenset({"ES256"})) is Unfit.WRONG_ALGORITHM
    assert unfit(P256.jwk(alg=None), frozenset({"RS256"})) is Unfit.WRONG_ALGORITHM


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(RSA.jwk(use=None), id="without-use"),
        pytest.param(RSA.jwk(use=None, key_ops=["verify"]), id="key_ops"),
        pytest.param(RSA.jwk(key_ops=["sign", "verify"]), id="use-and-key_ops"),
        pytest.param(RSA.jwk(x5c=["MII"], x5t="x", exp=5), id="other-members"),
        pytest.param(RSA.jwk(kid=None), id="without-kid"),
    ],
)
def test_what_a_fit_key_may_say(jwk: dict[str, object]) -> None:
    """A key for signatures is taken with or without `use` and `key_ops`; members of other standards are passed over."""
    assert key(jwk).verify(DATA, RSA.sign(DATA), "RS256")


@pytest.mark.parametrize("padded", [True, False])
def test_the_modulus_of_cognito_is_read(padded: bool) -> None:
    """Cognito writes `n` in standard base64 with a leading zero byte."""
    text = b64encode(b"\0" + N.to_bytes(SIZE, "big")).decode()
    assert text.startswith("A")
    assert key(RSA.jwk(n=text if padded else text.rstrip("="))).verify(DATA, RSA.sign(DATA), "RS256")


def test_the_modulus_is_not_read_in_two_alphabets_at_once() -> None:
    """What mixes both alphabets of base64 is neither."""
    assert unfit(RSA.jwk(n="+_" * 171)) is Unfit.MALFORMED


def raw_rsa(message: bytes) -> bytes:
    """A message that the key has signed without any padding of its own."""
    signature: int = pow(int.from_bytes(message, "big"), D, N)
    return signature.to_bytes(SIZE, "big")


DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
DIGEST = hashlib.sha256(DATA).digest()
INFO = DIGEST_INFO + DIGEST
NO_NULL = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + DIGEST
SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(DATA).digest()
MD5_INFO = bytes.fromhex("3020300c06082a864886f70d020505000410") + hashlib.md5(DATA).digest()


def padded(info: bytes, head: bytes = b"\0\1", fill: bytes = b"\xff", end: bytes = b"\0", tail: bytes = b"") -> bytes:
    """EMSA-PKCS1-v1_5 (RFC 8017 section 9.2), each part replaceable."""
    return head + fill * (SIZE - len(head) - len(end) - len(info) - len(tail)) + end + info + tail


def test_the_samples_of_padding_start_from_a_good_one() -> None:
    """The hand-made padding is right when nothing in it is changed."""
    assert raw_rsa(padded(INFO)) == RSA.sign(DATA)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(padded(NO_NULL), id="J13-no-null"),
        pytest.param(padded(DIGEST), id="J13-no-digest-info"),
        pytest.param(padded(SHA1_INFO), id="J13-sha1"),
        pytest.param(padded(MD5_INFO), id="J13-md5"),
        pytest.param(padded(DIGEST_INFO + hashlib.sha512(DATA).digest()[:32]), id="J13-other-digest"),
        pytest.param(padded(INFO, head=b"\0\2"), id="J13-block-type-2"),
        pytest.param(padded(INFO, head=b"\0\0"), id="J13-block-type-0"),
        pytest.param(padded(INFO, head=b"\1\1"), id="J13-leading-one"),
        pytest.param(padded(INFO, fill=b"\0"), id="J13-zero-fill"),
        pytest.param(padded(INFO, fill=b"\x01"), id="J13-other-fill"),
        pytest.param(padded(INFO, end=b"\xff"), id="J13-no-separator"),
        pytest.param(padded(INFO, end=b"\0\0"), id="J13-two-separators"),
        pytest.param(padded(INFO, tail=b"\0"), id="J13-trailing-zero"),
        pytest.param(padded(INFO, tail=b"\x05\0"), id="J13-trailing-null"),
        pytest.param(b"\0\1" + b"\xff" * 8 + b"\0" + INFO + b"\xaa" * (SIZE - 11 - len(INFO)), id="J13-short-padding"),
        pytest.param(padded(b"\x30\x81\x31" + INFO[2:]), id="J13-ber-length"),
        pytest.param(padded(b"\x30\x80" + INFO[2:] + b"\0\0"), id="J13-indefinite-length"),
        pytest.param(padded(INFO[:-1] + bytes([INFO[-1] ^ 1])), id="J13-digest-bit"),
        pytest.param(b"\0" * SIZE, id="J13-zero"),
        pytest.param(b"\0" * (SIZE - 1) + b"\1", id="J13-one"),
    ],
)
def test_another_rsa_padding_is_no_signature(message: bytes) -> None:
    """A signature under the right key fails unless its padding is the one of PKCS #1 v1.5."""
    assert not key(RSA.jwk()).verify(DATA, raw_rsa(message), "RS256")


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
@pytest.mark.parametrize("change", ["empty", "zeros", "short", "long", "leading-zero", "plus-n"])
def test_an_rsa_signature_is_as_long_as_the_modulus(algorithm: str, change: str) -> None:
    """J13: what is shorter, longer or not below the modulus is no signature."""
    good = signing_key(algorithm).sign(DATA)
    changed = {
        "empty": b"",
        "zeros": b"\0" * SIZE,
        "short": good[1:],
        "long": good + b"\0",
        "leading-zero": b"\0" + good,
        "plus-n": (int.from_bytes(good, "big") + N).to_bytes(SIZE + 1, "big"),
    }[change]
    assert not key(signing_key(algorithm).jwk()).verify(DATA, changed, algorithm)


@pytest.mark.parametrize("salt", [0, 20, 31, 33, SIZE - 2 - 32])
def test_a_pss_salt_is_as_long_as_the_hash(salt: int) -> None:
    """J13: RFC 7518 section 3.5 leaves no choice of salt."""
    signature = RSA.private.sign(DATA, padding.PSS(padding.MGF1(SHA256()), salt), SHA256())
    assert not key(signing_key("PS256").jwk()).verify(DATA, signature, "PS256")


def test_pss_masks_with_its_own_hash() -> None:
    """J13: RFC 7518 section 3.5 leaves no choice of the mask's hash."""
    signature = RSA.private.sign(DATA, padding.PSS(padding.MGF1(SHA384()), 32), SHA256())
    assert not key(signing_key("PS256").jwk()).verify(DATA, signature, "PS256")


GOOD = P256.sign(DATA)
R, S = int.from_bytes(GOOD[:32], "big"), int.from_bytes(GOOD[32:], "big")


def pair(r: int, s: int, size: int = 32) -> bytes:
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(pair(0, 0), id="J12-zeros"),
        *[
            pytest.param(pair(r, s), id=f"J12-r-{name_r}-s-{name_s}")
            for name_r, r in {"0": 0, "1": 1, "n-1": P256_ORDER - 1, "n": P256_ORDER, "n+1": P256_ORDER + 1}.items()
            for name_s, s in {"0": 0, "1": 1, "n-1": P256_ORDER - 1, "n": P256_ORDER, "n+1": P256_ORDER + 1}.items()
        ],
        pytest.param(pair(0, S), id="J12-r-0"),
        pytest.param(pair(R, 0), id="J12-s-0"),
        pytest.param(pair(R, P256_ORDER), id="J12-s-n"),
        pytest.param(pair(2**256 - 1, 2**256 - 1), id="J12-all-ones"),
        pytest.param(pair(S, R), id="J12-swapped"),
        pytest.param(pair(R, S, 33), id="J12-zero-padded"),
        pytest.param(pair(R, S, 48), id="J12-length-of-P-384"),
        pytest.param(b"", id="J12-empty"),
        pytest.param(GOOD[:63], id="J12-63-bytes"),
        pytest.param(GOOD + b"\0", id="J12-65-bytes"),
        pytest.param(b"\0" + GOOD, id="J12-65-bytes-in-front"),
        pytest.param(GOOD[:32] + b"\0" + GOOD[32:], id="J12-65-bytes-s-padded"),
        pytest.param(GOOD + GOOD, id="J12-twice"),
        pytest.param(P256.private.sign(DATA, ec.ECDSA(SHA256())), id="J12-DER"),
        pytest.param(pair(*decode_dss_signature(P256.private.sign(DATA, ec.ECDSA(SHA384())))), id="J12-other-hash"),
    ],
)
def test_another_ecdsa_form_is_no_signature(signature: bytes) -> None:
    """An ECDSA signature is r and s in full length, each between 0 and the order of the curve."""
    assert not key(P256.jwk()).verify(DATA, signature, "ES256")


def test_a_leading_zero_of_s_is_not_left_out() -> None:
    """J12: an s that would fit in 31 bytes still has 32 (RFC 7518 section 3.4)."""
    short = next(found for found in (P256.sign(DATA) for _ in range(100_000)) if found[32] == 0)
    assert key(P256.jwk()).verify(DATA, short, "ES256")
    assert not key(P256.jwk()).verify(DATA, short[:32] + short[33:], "ES256")


def test_the_samples_of_ecdsa_start_from_a_good_one() -> None:
    """The hand-made pair is right when nothing in it is changed."""
    assert key(P256.jwk()).verify(DATA, pair(R, S), "ES256")


ED_ORDER = 2**252 + 27742317777372353535851937790883648493
ED_GOOD = ED.sign(DATA)
ED_S = int.from_bytes(ED_GOOD[32:], "little")


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(b"", id="J12-ed-empty"),
        pytest.param(b"\0" * 64, id="J12-ed-zeros"),
        pytest.param(ED_GOOD[:63], id="J12-ed-short"),
        pytest.param(ED_GOOD + b"\0", id="J12-ed-long"),
        pytest.param(ED_GOOD[:32] + (ED_S + ED_ORDER).to_bytes(32, "little"), id="J12-ed-s-plus-order"),
    ],
)
def test_another_eddsa_form_is_no_signature(signature: bytes) -> None:
    """An Ed25519 signature is 64 bytes with S below the order (RFC 8032 section 5.1.7)."""
    assert not key(ED.jwk()).verify(DATA, signature, "EdDSA")


def test_a_key_shows_no_numbers() -> None:
    """A key in a log is its kid."""
    assert repr(key(RSA.jwk())) == "Key(kid='k1')"


def test_sound_moduli_are_not_taken_for_weak() -> None:
    """The fingerprint of ROCA does not meet keys of a sound generator."""
    for number in range(3):
        assert key(signing_key("RS256", number=number).jwk()).algorithms == {"RS256"}

"""Key sets as a whole: J06 to J11 of the attack catalogue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_idp.values import ASYMMETRIC_ALGORITHMS
from aegis_proxy.core.jwk import Unfit
from aegis_proxy.core.keys import MAX_KEYS, Dropped, KeySet, KeySetError, read_key_set
from support.tokens import SigningKey, key_set, signing_key

RSA, EC, ED = signing_key("RS256", "r1"), signing_key("ES256", "e1"), signing_key("EdDSA", "d1")


def read(*entries: object) -> KeySet:
    return read_key_set({"keys": list(entries)}, ASYMMETRIC_ALGORITHMS)


@pytest.mark.parametrize("document", [None, 5, "<html>", [], [RSA.jwk()], {}, {"keys": None}, {"keys": {}}, RSA.jwk()])
def test_another_document_is_an_error(document: object) -> None:
    """J10: what is no JWK Set (an error page, one bare key) is refused as a whole, so that older keys can stay."""
    with pytest.raises(KeySetError, match="no JWK Set"):
        read_key_set(document, ASYMMETRIC_ALGORITHMS)


def test_an_empty_set_is_a_value() -> None:
    """A provider may have no keys yet."""
    assert read().empty
    assert read({"kty": "oct", "k": "AAAA"}).empty
    assert not read(RSA.jwk()).empty
    assert not read(RSA.jwk(kid=None)).empty
    assert [read().size, read(RSA.jwk(), RSA.jwk(kid=None)).size] == [0, 2]


@pytest.mark.attack("J11")
def test_unfit_keys_are_dropped_singly() -> None:
    """J11: each unfit key goes with its place, name and reason; the good ones stay."""
    keys = read(
        {"kty": "oct", "k": "AAAA", "kid": "secret"},
        RSA.jwk(),
        "no key",
        EC.jwk(use="enc", kid="line\nbreak"),
        ED.jwk(kid=5),
        ED.jwk(),
    )
    assert set(keys.by_kid) == {"r1", "d1"}
    assert keys.dropped == (
        Dropped(0, "'secret'", Unfit.SYMMETRIC),
        Dropped(2, "", Unfit.MALFORMED),
        Dropped(3, r"'line\nbreak'", Unfit.NOT_FOR_VERIFYING),
        Dropped(4, "", Unfit.MALFORMED),
    )


@pytest.mark.parametrize("second", [RSA.jwk(), EC.jwk(kid="r1"), RSA.jwk(use="enc"), {"kid": "r1", "kty": "oct"}])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.attack("X15", "J11")
def test_a_kid_that_occurs_twice_is_unusable(second: dict[str, object], order: int) -> None:
    """J11: neither of two keys of one name is used, not even when the other is unfit or the same."""
    keys = read(*[RSA.jwk(), second, ED.jwk()][::order])
    assert set(keys.by_kid) == {"d1"}
    assert Unfit.DUPLICATE_KID in {dropped.reason for dropped in keys.dropped}


def test_a_kid_leads_to_its_key_alone() -> None:
    """J06, J08: an exact name, and no key for another name, not even the only one there is."""
    keys = key_set(RSA)
    found = keys.find("r1", "RS256")
    assert found is keys.by_kid["r1"]
    for kid in ("R1", "r1 ", "", "r", "r11", "../r1"):
        assert keys.find(kid, "RS256") is None


def test_a_kid_leads_to_its_key_whatever_it_verifies() -> None:
    """J03: that a key is not for an algorithm is for the caller to say."""
    found = key_set(RSA).find("r1", "PS256")
    assert found is not None
    assert not found.may_verify("PS256")


def test_a_key_without_kid_is_not_found_by_kid() -> None:
    """A token that names a key gets that key or none."""
    assert read(RSA.jwk(kid=None)).find("r1", "RS256") is None


def test_without_kid_there_must_be_one_key_of_the_algorithm() -> None:
    """J07: the only key for an algorithm is meant; of several, none."""
    assert key_set(RSA).find(None, "RS256") is not None
    assert read(RSA.jwk(kid=None), EC.jwk()).find(None, "RS256") is not None
    assert read(RSA.jwk(kid=None), EC.jwk()).find(None, "ES256") is not None
    assert key_set(RSA).find(None, "ES256") is None
    assert key_set(RSA, signing_key("RS256", "r2", 1)).find(None, "RS256") is None
    assert read(RSA.jwk(), RSA.jwk(kid=None)).find(None, "RS256") is None
    assert read(RSA.jwk(kid=None), RSA.jwk(kid=None)).find(None, "RS256") is None
    assert KeySet().find(None, "RS256") is None


def test_a_huge_set_is_read_in_part() -> None:
    """J10: of 10,000 keys the first are read, and the log learns that there were more."""
    keys = read(*({"kty": "oct", "kid": f"k{number}"} for number in range(MAX_KEYS - 1)), RSA.jwk(), *[EC.jwk()] * 9000)
    assert set(keys.by_kid) == {"r1"}
    assert len(keys.dropped) == MAX_KEYS
    assert keys.dropped[-1] == Dropped(MAX_KEYS, "", Unfit.TOO_MANY)


def test_a_set_does_not_change() -> None:
    """The keys of a set are those that were read."""
    with pytest.raises(TypeError):
        key_set(RSA).by_kid["x"] = key_set(EC).by_kid["e1"]  # type: ignore[index]  # the point of the test


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
MEMBERS = ["kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y", "d"]
WORDS = [
    "RSA",
    "EC",
    "OKP",
    "oct",
    "sig",
    "RS256",
    "ES256",
    "EdDSA",
    "P-256",
    "Ed25519",
    "Ed448",
    "AQAB",
    "r1",
    "+_",
    "",
]
WORD = st.sampled_from(WORDS) | st.text(alphabet="AQgw-_+/=", max_size=60)
ENTRY = st.dictionaries(st.sampled_from(MEMBERS), WORD | JSON)


@given(JSON | st.fixed_dictionaries({"keys": st.lists(ENTRY | JSON, max_size=5)}))
def test_any_document_is_read_or_refused(document: object) -> None:
    """Whatever JSON comes is a KeySet or a KeySetError."""
    try:
        keys = read_key_set(document, ASYMMETRIC_ALGORITHMS)
    except KeySetError:
        return
    assert all(dropped.kid.isascii() for dropped in keys.dropped)


@given(st.sampled_from([RSA, EC, ED]), st.sampled_from(MEMBERS), WORD | JSON)
def test_a_good_key_with_any_change_is_used_or_dropped(key: SigningKey, member: str, value: object) -> None:
    """One member of a good key replaced by anything gives a key, or a reason; the key beside it always stays."""
    good = signing_key("ES384", "beside")
    keys = read({**key.jwk(), member: value}, good.jwk())
    assert "beside" in keys.by_kid or value == "beside"
    assert len(keys.by_kid) + len(keys.without_kid) + len(keys.dropped) == 2

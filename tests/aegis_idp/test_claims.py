"""Claims, read with types."""

import pytest

from aegis_api.names import Subject
from aegis_idp.claims import bearer_of, issuer_of, subject_claim, text_claim
from aegis_idp.conformance.signing import SigningKey
from aegis_idp.errors import ClaimRefused, Misconfigured
from aegis_idp.values import Secret


def test_a_text_claim_is_given() -> None:
    """A text is what it is, without trimming or folding."""
    assert text_claim({"azp": " A "}, "azp") == " A "


@pytest.mark.parametrize("value", [None, 5, True, [], ["a"], {}, b"a", ""])
def test_what_is_no_text_is_refused(value: object) -> None:
    """Nothing is turned into a text that is none."""
    with pytest.raises(ClaimRefused, match="the claim azp is no text"):
        text_claim({"azp": value}, "azp")


def test_an_absent_claim_is_refused() -> None:
    """Absence has its own words: the provider's settings lack something."""
    with pytest.raises(ClaimRefused, match="the claim azp is absent"):
        text_claim({}, "azp")


def test_a_subject_claim_is_a_subject() -> None:
    """The whole form leads to a subject."""
    assert subject_claim({"sub": "system:serviceaccount:shop:orders"}, "sub") == Subject("shop", "orders")


@pytest.mark.parametrize(
    "text", ["orders", "system:serviceaccount:shop", "system:serviceaccount:shop:a:b", "System:serviceaccount:shop:a"]
)
def test_other_forms_are_refused(text: str) -> None:
    """A part, an extra part or another spelling is nobody, and is not quoted."""
    with pytest.raises(ClaimRefused, match="system:serviceaccount:NAMESPACE:NAME") as refusal:
        subject_claim({"sub": text}, "sub")
    assert f" {text} " not in str(refusal.value)


def test_the_clusters_issuer_stands_in_our_own_token() -> None:
    """A provider has to be told of it."""
    token = Secret(SigningKey.make().sign({"iss": "https://cluster", "sub": "system:serviceaccount:a:b"}))
    assert issuer_of(token) == "https://cluster"
    assert bearer_of(token) == "system:serviceaccount:a:b"


@pytest.mark.parametrize(
    "token", ["", "a", "a.!.c", "a.bm90IGpzb24.c", "a.W10.c", "a.e30.c", "a.eyJpc3MiOjV9.c", "a.w.c"]
)
def test_a_token_without_an_issuer_is_our_own_fault(token: str) -> None:
    """Nothing of it is told."""
    with pytest.raises(Misconfigured, match=r"^the host's own ServiceAccount token names no issuer$"):
        issuer_of(Secret(token))
    with pytest.raises(Misconfigured, match=r"^the host's own ServiceAccount token names no subject$"):
        bearer_of(Secret(token))

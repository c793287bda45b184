from collections.abc import Mapping

import pytest
from attrs import evolve

from aegis_api.names import Subject
from aegis_idp.values import Principal
from aegis_proxy.core.receipt import Receipt, Wanted, WrongToken, check_receipt
from support.tokens import AUDIENCE, ISSUER, NOW, SUBJECT, claims, mint, subject_of_sub

WANTED = Wanted(Subject.parse(SUBJECT), AUDIENCE, ISSUER)


def check(token: bytes, wanted: Wanted = WANTED) -> Receipt:
    return check_receipt(token.decode(), wanted, subject_of_sub, NOW)


def test_a_token_as_it_was_asked_for_is_taken() -> None:
    """With the times that say when to renew it."""
    token = mint()
    receipt = check(token)
    assert (receipt.token, receipt.issued, receipt.expires) == (token, NOW, NOW + 60)
    assert token.decode() not in repr(receipt)


def test_the_audience_may_be_one_of_a_list() -> None:
    """RFC 7519 section 4.1.3."""
    assert check(mint(payload=claims(aud=["other", AUDIENCE]))).expires == NOW + 60


def test_an_issuer_that_is_not_known_yet_is_not_compared() -> None:
    """The provider's trust may not have been asked yet."""
    assert check(mint(payload=claims(iss="https://other")), Wanted(WANTED.subject, AUDIENCE)).expires == NOW + 60


@pytest.mark.parametrize("issued", [..., "x", True, NOW + 9])
def test_without_a_usable_iat_the_life_begins_now(issued: object) -> None:
    """Its life is what is left of it."""
    assert check(mint(payload=claims(iat=issued))).issued == NOW


@pytest.mark.parametrize(
    ("token", "said"),
    [
        pytest.param(b"<html>", "no signed JWT", id="E09-html"),
        pytest.param("\u00e9.b.c".encode(), "no signed JWT", id="E09-no-ascii"),
        pytest.param(b"x" * 9000, "9000 bytes", id="E09-long"),
        pytest.param(mint(payload=claims(aud="other")), "audience 'other', wanted aegis", id="E09-audience"),
        pytest.param(mint(payload=claims(aud=...)), "audience 'None'", id="E09-no-audience"),
        pytest.param(mint(payload=claims(iss="https://evil")), "issuer 'https://evil'", id="E09-issuer"),
        pytest.param(mint(payload=claims(exp=NOW - 1)), "exp", id="E09-expired"),
        pytest.param(mint(payload=claims(exp=NOW + 9)), "exp", id="E09-nearly-expired"),
        pytest.param(mint(payload=claims(exp=...)), "exp 'None'", id="E09-no-exp"),
        pytest.param(mint(payload=claims(exp=True)), "exp 'True'", id="E09-exp-bool"),
        pytest.param(mint(payload=claims(sub="system:serviceaccount:shop:b")), "subject system:", id="E09-subject"),
        pytest.param(mint(payload=claims(sub=...)), "ClaimRefused", id="E09-no-subject"),
    ],
)
def test_e09_another_token_than_asked_for_is_not_used(token: bytes, said: str) -> None:
    """The error says what is wrong, and holds nothing of the token."""
    with pytest.raises(WrongToken) as caught:
        check(token)
    assert said in str(caught.value)
    assert token.decode() not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_defect_of_the_plugin_is_a_refusal() -> None:
    """Whatever `subject` raises, the token is not sent."""

    def broken(_: Mapping[str, object]) -> Subject:
        raise ZeroDivisionError

    with pytest.raises(WrongToken, match="ZeroDivisionError"):
        check_receipt(mint().decode(), WANTED, broken, NOW)


def test_a_token_bears_our_own_id() -> None:
    """Where it names no subject, it is known by the id that the identity has at the provider."""

    def check_id(wanted: Wanted) -> Receipt:
        return check_receipt(mint().decode(), wanted, lambda _: Principal("id-1"), NOW)

    receipt = check_id(evolve(WANTED, principal="id-1"))
    assert (receipt.expires, receipt.principal) == (NOW + 60, "id-1")
    with pytest.raises(WrongToken, match="of the id 'id-1', wanted id-2"):
        check_id(evolve(WANTED, principal="id-2"))
    with pytest.raises(WrongToken, match="of the id 'id-1', wanted none"):
        check_id(WANTED)

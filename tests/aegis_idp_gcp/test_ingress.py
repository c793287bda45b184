"""What the proxy makes of Google's tokens: its own code, the fake's keys."""

import time
from collections.abc import Callable

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import ProviderUnderTest
from aegis_proxy.core.tokens import Reason, TokenRefused
from support.google_project import Mesh
from support.ingress_judge import authorities, claims_of, forgeries, judged, made, refusal, token_of
from support.ingress_suite import IngressSuite

ORDERS, SAME_NAME = Subject("shop", "orders"), Subject("bank", "orders")

Change = Callable[[dict[str, object]], object]


def test_namesakes_of_two_namespaces_are_told_apart(mesh: Mesh) -> None:
    """By their service accounts; and one that the table does not name is nobody."""
    provider = mesh.provider()
    table = made(provider, ORDERS, SAME_NAME)
    for subject in (ORDERS, SAME_NAME):
        assert judged(token_of(provider, subject), authorities(provider, table)) == subject
    assert refusal(token_of(provider, ORDERS), provider, {}) is Reason.NO_SUBJECT


def test_another_projects_token_is_refused_though_issuer_and_key_are_the_same(mesh: Mesh) -> None:
    """Google signs for everybody: the project in the address decides."""
    provider = mesh.provider()
    table = made(provider, ORDERS)
    claims, key = claims_of(token_of(provider, ORDERS)), mesh.google.keys.current
    assert judged(key.sign(claims), authorities(provider, table)) == ORDERS
    other = {**claims, "email": f"{str(claims['email']).partition('@')[0]}@evil-mesh.iam.gserviceaccount.com"}
    assert refusal(key.sign(other), provider, table) is Reason.NO_SUBJECT


def test_a_namesake_that_was_made_anew_is_somebody_else(mesh: Mesh) -> None:
    """The address may come again, the number does not."""
    provider = mesh.provider()
    table = made(provider, ORDERS)
    run(provider.plugin.deprovision(provider.settings, provider.request(ORDERS), provider.http))
    provider.make_known(ORDERS)
    assert refusal(token_of(provider, ORDERS), provider, table) is Reason.NO_SUBJECT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda claims: claims.update(iat=1, exp=int(time.time()) - 60), Reason.EXPIRED),
        (lambda claims: claims.update(nbf=int(time.time()) + 600), Reason.NOT_YET_VALID),
        (lambda claims: claims.update(aud="another-mesh"), Reason.WRONG_AUDIENCE),
        (lambda claims: claims.update(iss="accounts.google.com"), Reason.UNKNOWN_ISSUER),
        (lambda claims: claims.pop("email"), Reason.NO_SUBJECT),
        (lambda claims: claims.update(email=["a"]), Reason.NO_SUBJECT),
        (lambda claims: claims.update(email_verified=False), Reason.NO_SUBJECT),
        (lambda claims: claims.pop("email_verified"), Reason.NO_SUBJECT),
        (lambda claims: claims.update(azp="1"), Reason.NO_SUBJECT),
    ],
    ids=["expired", "early", "audience", "issuer", "no-email", "email-list", "unverified", "no-verified", "azp"],
)
def test_a_signed_token_with_other_claims_is_refused(mesh: Mesh, change: Change, reason: Reason) -> None:
    """Whoever signed it."""
    provider = mesh.provider()
    table = made(provider, ORDERS)
    claims = claims_of(token_of(provider, ORDERS))
    change(claims)
    assert refusal(mesh.google.keys.current.sign(claims), provider, table) is reason


def test_a_forged_token_is_refused(mesh: Mesh) -> None:
    """Another algorithm, another key, no signature."""
    provider = mesh.provider()
    table = made(provider, ORDERS)
    known = authorities(provider, table)
    for name, forged in forgeries(mesh.google.keys.current, claims_of(token_of(provider, ORDERS))).items():
        with pytest.raises(TokenRefused):
            pytest.fail(f"{name}: {judged(forged, known)}")


def test_a_new_key_counts_once_it_is_fetched(mesh: Mesh) -> None:
    """An unknown key id is refused until then."""
    provider = mesh.provider()
    table = made(provider, ORDERS)
    before = authorities(provider, table)
    mesh.google.keys.rotate()
    token = token_of(provider, ORDERS)
    with pytest.raises(TokenRefused) as caught:
        judged(token, before)
    assert caught.value.reason is Reason.UNKNOWN_KEY
    assert judged(token, authorities(provider, table)) == ORDERS


def test_a_token_for_one_destination_is_refused_at_the_next(mesh: Mesh) -> None:
    """Google issues for any audience, so each destination has its own."""
    provider = mesh.provider()
    table = made(provider, ORDERS)
    assert refusal(token_of(provider, ORDERS, "stock.shop.svc"), provider, table) is Reason.WRONG_AUDIENCE


class TestIngress(IngressSuite):
    @pytest.fixture
    def provider(self, mesh: Mesh) -> ProviderUnderTest:
        return mesh.provider()

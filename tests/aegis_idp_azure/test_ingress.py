"""What the proxy makes of tokens of Entra ID: its own code, the fake's keys."""

import time
from collections.abc import Callable

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance import ProviderUnderTest
from aegis_proxy.core.tokens import Reason, TokenRefused
from support.entra_tenant import Tenant
from support.ingress_judge import authorities, claims_of, forgeries, judged, made, refusal, token_of
from support.ingress_suite import IngressSuite

ORDERS, SAME_NAME = Subject("shop", "orders"), Subject("bank", "orders")

Change = Callable[[dict[str, object]], object]


def test_namesakes_of_two_namespaces_are_told_apart(tenant: Tenant) -> None:
    """By their applications; and one that the table does not name is nobody."""
    provider = tenant.provider()
    table = made(provider, ORDERS, SAME_NAME)
    for subject in (ORDERS, SAME_NAME):
        assert judged(token_of(provider, subject), authorities(provider, table)) == subject
    only = {client: subject for client, subject in table.items() if subject == SAME_NAME}
    assert refusal(token_of(provider, ORDERS), provider, only) is Reason.NO_SUBJECT


@pytest.mark.attack("J34")
def test_another_tenants_token_is_refused_though_the_same_key_signed_it(tenant: Tenant) -> None:
    """Even for an application of the same client id, and even if it claims our issuer: the tenant is compared, too."""
    provider = tenant.provider()
    table = made(provider, ORDERS)
    claims, key = claims_of(token_of(provider, ORDERS)), tenant.entra.keys.current
    other = tenant.entra.tenant().tenant
    issuer = f"{tenant.entra.url}/{other}/v2.0"
    assert refusal(key.sign({**claims, "iss": issuer, "tid": other}), provider, table) is Reason.UNKNOWN_ISSUER
    assert refusal(key.sign({**claims, "tid": other}), provider, table) is Reason.NO_SUBJECT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda claims: claims.update(iat=1, nbf=1, exp=int(time.time()) - 60), Reason.EXPIRED),
        (lambda claims: claims.update(nbf=int(time.time()) + 600), Reason.NOT_YET_VALID),
        (lambda claims: claims.update(aud="5f6d66f0-0000-4000-8000-000000000000"), Reason.WRONG_AUDIENCE),
        (lambda claims: claims.pop("azp"), Reason.NO_SUBJECT),
        (lambda claims: claims.update(azp=["a"]), Reason.NO_SUBJECT),
        (lambda claims: claims.update(azp="orders"), Reason.NO_SUBJECT),
        (lambda claims: claims.update(ver="1.0"), Reason.NO_SUBJECT),
        (lambda claims: claims.update(idtyp="user"), Reason.NO_SUBJECT),
        (lambda claims: claims.update(scp="User.Read"), Reason.NO_SUBJECT),
        (lambda claims: claims.update(azp=claims["tid"], roles=[str(ORDERS)]), Reason.NO_SUBJECT),
    ],
    ids=["expired", "early", "audience", "no-azp", "azp-list", "azp-text", "version", "idtyp", "scp", "roles"],
)
@pytest.mark.attack("J30", "J37")
def test_a_signed_token_with_other_claims_is_refused(tenant: Tenant, change: Change, reason: Reason) -> None:
    """Whoever signed it; `roles` say nothing of who somebody is."""
    provider = tenant.provider()
    table = made(provider, ORDERS)
    claims = claims_of(token_of(provider, ORDERS))
    change(claims)
    assert refusal(tenant.entra.keys.current.sign(claims), provider, table) is reason


def test_a_forged_token_is_refused(tenant: Tenant) -> None:
    """Another algorithm, another key, no signature."""
    provider = tenant.provider()
    table = made(provider, ORDERS)
    known = authorities(provider, table)
    claims = claims_of(token_of(provider, ORDERS))
    assert judged(tenant.entra.keys.current.sign(claims), known) == ORDERS
    for name, forged in forgeries(tenant.entra.keys.current, claims).items():
        with pytest.raises(TokenRefused):
            pytest.fail(f"{name}: {judged(forged, known)}")


def test_a_new_key_counts_once_it_is_fetched(tenant: Tenant) -> None:
    """An unknown key id is refused until then."""
    provider = tenant.provider()
    table = made(provider, ORDERS)
    before = authorities(provider, table)
    tenant.entra.keys.rotate()
    token = token_of(provider, ORDERS)
    with pytest.raises(TokenRefused) as caught:
        judged(token, before)
    assert caught.value.reason is Reason.UNKNOWN_KEY
    assert judged(token, authorities(provider, table)) == ORDERS


@pytest.mark.attack("J34")
def test_a_token_of_version_1_is_another_issuers(tenant: Tenant) -> None:
    """Which version it is, the application of the audience decides: both sides have to agree."""
    tenant.resource.token_version = 1
    new, old = tenant.provider(), tenant.provider(version="1.0")
    table = made(new, ORDERS)
    old.make_known(ORDERS)
    token = token_of(new, ORDERS)
    assert refusal(token, new, table) is Reason.UNKNOWN_ISSUER
    assert judged(token, authorities(old, table)) == ORDERS


class TestIngress(IngressSuite):
    @pytest.fixture
    def provider(self, tenant: Tenant) -> ProviderUnderTest:
        return tenant.provider(destinations=tenant.destinations("stock.shop.svc", "bills.bank.svc"))

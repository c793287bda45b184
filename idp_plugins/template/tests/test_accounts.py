"""Accounts at the token service."""

from collections.abc import Iterator

import pytest
from token_service import TokenService

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import Cluster, ProviderUnderTest
from aegis_idp.errors import ForeignObject, Refused
from aegis_idp.values import Owner
from aegis_idp_template import PLUGIN
from aegis_idp_template.accounts import account_name, make_account, remove_account

ORDERS = Subject("shop", "orders")


@pytest.fixture
def service() -> Iterator[tuple[TokenService, ProviderUnderTest]]:
    with Cluster(public=True) as cluster, TokenService(cluster) as service:
        yield service, ProviderUnderTest(PLUGIN, {"address": service.url}, cluster)


def test_no_two_subjects_share_an_account() -> None:
    """A dot in a name does not move it into another namespace's account."""
    assert account_name(Subject("shop", "a.b")) != account_name(Subject("shop-a", "b"))


def test_an_account_has_its_subject_and_owner(service: tuple[TokenService, ProviderUnderTest]) -> None:
    """What was made can be found again by its name in the Identity's status."""
    server, provider = service
    made = run(make_account(provider.settings, provider.request(ORDERS, owner=Owner("c1", "u1")), provider.http))
    assert made.metadata == {"account": "shop.orders"}
    assert server.accounts == {"shop.orders": {"subject": str(ORDERS), "owner": "c1/u1"}}


def test_another_owners_account_is_named(service: tuple[TokenService, ProviderUnderTest]) -> None:
    """The error says which account it is and what to do."""
    server, provider = service
    server.accounts["shop.orders"] = {"subject": str(ORDERS), "owner": "c2/u2"}
    for question in (make_account, remove_account):
        with pytest.raises(ForeignObject, match=r"shop\.orders .* has another owner: remove it there"):
            run(question(provider.settings, provider.request(ORDERS), provider.http))


def test_a_stranger_removes_nothing(service: tuple[TokenService, ProviderUnderTest]) -> None:
    """A host that the service does not know is refused, and that is no success."""
    server, provider = service
    run(make_account(provider.settings, provider.request(ORDERS), provider.http))
    before = dict(server.accounts)
    request = provider.request(ORDERS, host_token_at=lambda audience: provider.cluster.token(ORDERS, audience))
    with pytest.raises(Refused, match="forbidden"):
        run(remove_account(provider.settings, request, provider.http))
    assert server.accounts == before

"""The five questions, where they go one way or the other."""

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.wires import Tapped
from aegis_idp.discovery import load
from aegis_idp.values import Provisioned
from aegis_idp_aws import PLUGIN
from support.aws_account import Tenancy

ORDERS = Subject("shop", "orders")


def test_it_is_found_by_its_type() -> None:
    """By the name in `spec.type`."""
    assert load("aws") is PLUGIN


def test_it_makes_objects_where_it_may_be_somebody(tenancy: Tenancy) -> None:
    """Without provisionAs nothing is made, and no finalizer is needed."""
    assert tenancy.provider().makes_objects
    assert not tenancy.provider(provisionAs=None).makes_objects


def test_a_role_that_somebody_else_keeps_is_left_to_them(tenancy: Tenancy) -> None:
    """Nobody is asked about it, neither to make nor to remove it."""
    arn = tenancy.account.register("orders", tenancy.trust(ORDERS)).arn
    provider = tenancy.provider(roleArns={"shop/orders": arn})
    tap, request = Tapped(provider.http), provider.request(ORDERS)
    assert run(provider.plugin.provision(provider.settings, request, tap)) == Provisioned()
    run(provider.plugin.deprovision(provider.settings, request, tap))
    assert tap.sent == []

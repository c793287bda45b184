"""The five questions, where they go one way or the other."""

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.wires import Tapped
from aegis_idp.discovery import load
from aegis_idp.values import Provisioned
from aegis_idp_gcp import PLUGIN
from support.google_project import Mesh

ORDERS = Subject("shop", "orders")


def test_it_is_found_by_its_type() -> None:
    """By the name in `spec.type`."""
    assert load("gcp") is PLUGIN


def test_it_makes_objects_where_it_may_sign_in(mesh: Mesh) -> None:
    """Without provision nothing is made, and no finalizer is needed."""
    assert mesh.provider().makes_objects
    assert not mesh.provider(provision=False).makes_objects


def test_an_application_that_somebody_else_keeps_is_left_to_them(mesh: Mesh) -> None:
    """Nobody is asked about it, neither to make nor to remove it."""
    provider = mesh.provider(serviceAccounts={"shop/orders": mesh.project.register("orders").email})
    tap, request = Tapped(provider.http), provider.request(ORDERS)
    assert run(provider.plugin.provision(provider.settings, request, tap)) == Provisioned()
    run(provider.plugin.deprovision(provider.settings, request, tap))
    assert tap.sent == []

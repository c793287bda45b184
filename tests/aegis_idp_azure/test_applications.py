"""Applications for identities: beyond what every plugin has to show."""

from contextlib import suppress

import pytest
from attrs import evolve

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.wires import Sent, Tapped
from aegis_idp.errors import ForeignObject, ProviderError, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import PRINCIPAL, Owner, ProvisionRequest
from aegis_idp_azure.applications import Wanted
from aegis_idp_fakes.entra import Application
from support.entra_tenant import Tenant

ORDERS = Subject("shop", "orders")


def the_made(tenant: Tenant) -> Application:
    (made,) = (one for one in tenant.directory.applications.values() if one.unique_name)
    return made


def remove(provider: ProviderUnderTest) -> None:
    run(provider.plugin.deprovision(provider.settings, provider.request(ORDERS), provider.http))


def test_an_application_is_federated_with_one_service_account(tenant: Tenant) -> None:
    """What there is afterwards, and what the Identity's status keeps of it."""
    metadata = tenant.provider().made(ORDERS).metadata
    made = the_made(tenant)
    assert metadata == {PRINCIPAL: made.app_id, "application": made.id, "uniqueName": made.unique_name}
    assert made.properties["displayName"] == str(ORDERS)
    assert made.properties["tags"][2].startswith("aegis-uid:")
    assert made.principal_id is not None
    (record,) = made.federations.values()
    wanted = (tenant.cluster.issuer, str(ORDERS), "api://AzureADTokenExchange")
    assert (record.issuer, record.subject, record.audience) == wanted


def test_four_requests_make_it_and_three_look_after_it(tenant: Tenant) -> None:
    """Beside the sign-in, which azure-identity does."""
    provider = tenant.provider()
    for count in (4, 3):
        tap = Tapped(provider.http)
        run(provider.plugin.provision(provider.settings, provider.request(ORDERS), tap))
        assert len(tap.sent) == count


def test_names_are_within_the_limits() -> None:
    """The longest subject there can be; neither clusters nor namespaces meet."""
    provider_owner = Owner("c" * 36, "u" * 36)
    longest = Subject("n" * 63, "a" * 253)

    def wanted(subject: Subject, cluster: str = "c") -> Wanted:
        owner = evolve(provider_owner, cluster=cluster)
        return Wanted.of(ProvisionRequest(subject, owner, "aegis", False, (HostPattern("*.svc"),)))

    assert len(wanted(longest).display_name) == 256
    assert len(wanted(longest).federation) <= 120
    names = {
        wanted(Subject("shop", "a")).unique_name,
        wanted(Subject("bank", "a")).unique_name,
        wanted(Subject("shop", "a"), "d").unique_name,
    }
    assert len(names) == 3


def test_an_application_without_our_mark_is_left(tenant: Tenant) -> None:
    """Somebody was there first: the error says which one it is."""
    provider = tenant.provider()
    client_id = provider.made(ORDERS).metadata[PRINCIPAL]
    the_made(tenant).properties["tags"] = ["aegis", 5]
    with pytest.raises(ForeignObject, match=rf"{client_id}.*does not bear the tag aegis-uid:.*Delete it"):
        provider.made(ORDERS)
    with pytest.raises(ForeignObject):
        remove(provider)


def test_an_application_of_another_owner_cannot_be_changed(tenant: Tenant) -> None:
    """OwnedBy is the least that is needed, and Graph holds to it."""
    provider = tenant.provider()
    provider.made(ORDERS)
    the_made(tenant).owner = "somebody"
    with pytest.raises(Refused, match=r"Authorization_RequestDenied"):
        provider.made(ORDERS)


def test_a_deleted_application_of_an_earlier_identity_makes_room(tenant: Tenant) -> None:
    """Its name is kept for 30 days: it goes for good, and the next run makes a new one."""
    provider = tenant.provider()
    earlier = provider.made(ORDERS, owner=Owner("test-cluster", "an-earlier-uid")).metadata
    made = the_made(tenant)
    tenant.directory.deleted[made.id] = tenant.directory.applications.pop(made.id)
    with pytest.raises(Unavailable, match=r"was in the way and is removed now") as caught:
        provider.made(ORDERS)
    assert caught.value.retry_after == 10
    assert provider.made(ORDERS).metadata != earlier


def test_what_graph_does_not_let_us_purge_does_not_hold_up_a_removal(tenant: Tenant) -> None:
    """A deleted application signs nobody in."""
    provider = tenant.provider()
    provider.made(ORDERS)

    def denied(sent: Sent) -> Response:
        body = b'{"error": {"code": "Authorization_RequestDenied", "message": "no"}}'
        return Response(403, {"content-type": "application/json"}, body)

    tap = Tapped(provider.http, 2, denied)
    run(provider.plugin.deprovision(provider.settings, provider.request(ORDERS), tap))
    assert "deletedItems" in tap.sent[2].url
    assert len(tenant.directory.deleted) == 1


def test_what_was_just_made_is_not_known_everywhere(tenant: Tenant) -> None:
    """Until it is, each run ends with "later"; then all is there, once."""
    provider = tenant.provider()
    tenant.entra.propagation.delay = 3
    with pytest.raises(Unavailable, match=r"is not known everywhere yet"):
        provider.made(ORDERS)
    client_id = ""
    for _ in range(10):
        with suppress(Unavailable):
            client_id = provider.made(ORDERS).metadata[PRINCIPAL]
    assert the_made(tenant).app_id == client_id
    assert the_made(tenant).federations


@pytest.mark.parametrize("body", [b"{}", b'{"id": 5, "appId": "x", "tags": {}}'])
def test_an_answer_of_another_shape_is_no_answer(tenant: Tenant, body: bytes) -> None:
    """Neither adopted nor a KeyError."""
    provider = tenant.provider()
    odd = Tapped(provider.http, 0, lambda _: Response(200, {}, body))
    with pytest.raises(ProviderError):
        run(provider.plugin.provision(provider.settings, provider.request(ORDERS), odd))


def test_odd_lists_of_deleted_things_are_empty(tenant: Tenant) -> None:
    """There is nothing to purge in them."""
    provider = tenant.provider()
    odd = Tapped(provider.http, 1, lambda _: Response(200, {}, b'{"value": 5}'))
    run(provider.plugin.deprovision(provider.settings, provider.request(ORDERS), odd))
    assert len(odd.sent) == 2

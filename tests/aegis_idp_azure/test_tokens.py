"""The exchange of a ServiceAccount token."""

from urllib.parse import parse_qs

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.mounts import Mounts
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import Misconfigured, ProviderError, Refused, Unavailable
from aegis_idp.values import PRINCIPAL, ProjectedToken
from aegis_idp_azure.tokens import EXCHANGE_AUDIENCE, exchanged
from support.entra_tenant import Tenant

ORDERS = Subject("shop", "orders")


def test_a_pod_needs_the_token_for_the_exchange(tenant: Tenant) -> None:
    """Its audience is the one that Entra ID takes."""
    provider = tenant.provider(expirationSeconds=900)
    assert provider.needs(ORDERS).tokens == (ProjectedToken(EXCHANGE_AUDIENCE, 900),)


def test_what_entra_cannot_do_is_said_at_admission(tenant: Tenant) -> None:
    """A free audience for each destination, and a name for an audience of version 2.0."""
    for some in (None, {"orders.shop.svc": tenant.resource.app_id}):
        with pytest.raises(Misconfigured, match=r"takes no free audience.*; there is none for stock\.shop\.svc"):
            tenant.provider(destinations=some).needs(ORDERS, ("stock.shop.svc",))
    with pytest.raises(Misconfigured, match=r"client ids in config\.destinations$"):
        tenant.provider().needs(ORDERS, ("*.svc",))
    named = {"stock.shop.svc": tenant.resource.app_id}
    with pytest.raises(Misconfigured, match=r"tokens are of version 2\.0"):
        tenant.provider(destinations=named, version="1.0").needs(ORDERS, ("stock.shop.svc",))
    assert tenant.provider(destinations=named).needs(ORDERS, ("db-0.stock.shop.svc", "*.svc", "localhost")).tokens
    with pytest.raises(Misconfigured, match=r"the audience api://mesh is no client id.*set spec\.audience"):
        tenant.provider("api://mesh").needs(ORDERS)
    assert tenant.provider("api://mesh", version="1.0").needs(ORDERS).tokens


def test_one_request_gets_a_token(tenant: Tenant) -> None:
    """For the resource, as the application that provision() made; nothing else is sent."""
    provider = tenant.provider()
    client_id = provider.make_known(ORDERS).metadata[PRINCIPAL]
    mounts, tap = provider.mounts(ORDERS), Tapped(provider.http)
    run(exchanged(provider.settings, mounts.request(provider.audience), tap))
    (sent,) = tap.sent
    assert sent.url == f"{tenant.entra.url}/{tenant.directory.tenant}/oauth2/v2.0/token"
    assert {name: value for name, (value,) in parse_qs(sent.body.decode()).items()} == {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "scope": f"{tenant.resource.app_id}/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": mounts.tokens[EXCHANGE_AUDIENCE].reveal(),
    }


def test_an_identity_that_is_not_made_yet_says_so(tenant: Tenant) -> None:
    """And what to look at."""
    provider = tenant.provider()
    with pytest.raises(Misconfigured, match=r"no application of system:serviceaccount:shop:orders is known: its Id"):
        run(exchanged(provider.settings, Mounts(ORDERS, {}, {}).request("a"), provider.http))


def test_a_new_credential_spreads(tenant: Tenant) -> None:
    """Until Entra ID knows it everywhere the answer is "later", not "no"; then it works."""
    provider = tenant.provider()
    tenant.entra.propagation.delay = 0
    provider.make_known(ORDERS)
    application = next(one for one in tenant.directory.applications.values() if one.unique_name)
    tenant.entra.propagation.delay = 2
    application.born = tenant.entra.propagation.birth()
    request = provider.mounts(ORDERS).request(provider.audience)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"AADSTS700016.*if this lasts longer than ten minutes"):
            run(exchanged(provider.settings, request, provider.http))
    assert run(exchanged(provider.settings, request, provider.http)).reveal()


def test_a_cluster_that_signs_with_es256_is_told_so(tenant: Tenant) -> None:
    """Entra ID takes RS256 alone."""
    provider = tenant.provider()
    provider.make_known(ORDERS)
    tenant.cluster.keys.__init__("ES256")  # type: ignore[misc]  # the same cluster, reconfigured
    with pytest.raises(Refused, match=r"AADSTS5002738.*RS256: Entra ID takes nothing else"):
        run(exchanged(provider.settings, provider.mounts(ORDERS).request(provider.audience), provider.http))


def test_an_unknown_audience_is_named(tenant: Tenant) -> None:
    """The error says which application it should be."""
    provider = tenant.provider("5f6d66f0-0000-4000-8000-000000000000")
    provider.make_known(ORDERS)
    with pytest.raises(ProviderError, match=r"AADSTS500011.*is 5f6d66f0\S+ the client id"):
        run(exchanged(provider.settings, provider.mounts(ORDERS).request(provider.audience), provider.http))


def test_throttling_and_trouble_pass(tenant: Tenant) -> None:
    """As the real one is throttled, by the real client."""
    provider = tenant.provider()
    provider.make_known(ORDERS)
    request = provider.mounts(ORDERS).request(provider.audience)
    tenant.entra.faults.throttle(retry_after=11)
    with pytest.raises(Unavailable) as throttled:
        run(exchanged(provider.settings, request, provider.http))
    assert throttled.value.retry_after == 11
    tenant.entra.faults.hang_up()
    with pytest.raises(Unavailable):
        run(exchanged(provider.settings, request, provider.http))
    assert run(exchanged(provider.settings, request, provider.http)).reveal()


def test_a_destination_without_an_application_gets_no_token(tenant: Tenant) -> None:
    """Nothing is sent: Entra ID could only say that it does not know it."""
    provider = tenant.provider()
    provider.make_known(ORDERS)
    tap = Tapped(provider.http)
    request = provider.mounts(ORDERS).request("stock.shop.svc")
    with pytest.raises(Misconfigured, match=r"no application stands for stock\.shop\.svc: name its client id"):
        run(exchanged(provider.settings, request, tap))
    assert tap.sent == []

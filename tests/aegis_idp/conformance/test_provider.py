"""What the author of a plugin tells the tests."""

from collections.abc import Callable, Mapping

import pytest

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import ProviderUnderTest, oauth_refusal
from aegis_idp.errors import ClaimRefused
from aegis_idp.http import Http
from aegis_idp.values import PRINCIPAL, Owner, Principal, Provisioned, ProvisionRequest
from aegis_idp_template.plugin import TemplatePlugin
from aegis_idp_template.settings import TemplateSettings

ORDERS = Subject("shop", "orders")


def test_contexts_and_mounts_follow_the_plugin(make: Callable[..., ProviderUnderTest]) -> None:
    """A pod has mounted what pod_needs() says, and nothing else."""
    provider = make()
    assert provider.context(ORDERS).hosts == (HostPattern("*.svc"),)
    assert provider.context(ORDERS, ("a.b.svc",)).audience_per_destination
    assert list(provider.mounts(ORDERS).tokens) == [provider.config["address"]]
    assert provider.http == provider.cluster.http() or provider.http.api_server == provider.cluster.issuer


def test_a_subject_is_made_known_by_the_plugin_or_the_author(make: Callable[..., ProviderUnderTest]) -> None:
    """Both ways are taken, so that a test need not know which one it is."""
    enrolled: list[Subject] = []
    provider = make(enrol=enrolled.append)
    assert provider.make_known(ORDERS).metadata == {"account": "shop.orders"}
    assert enrolled == [ORDERS]
    assert provider.objects()


def test_a_request_can_be_another_owners(make: Callable[..., ProviderUnderTest]) -> None:
    """Any part of a request can be changed."""
    provider = make()
    request = provider.request(ORDERS, owner=Owner("c", "u"), metadata={"a": "b"})
    assert (request.owner, request.metadata, request.subject) == (Owner("c", "u"), {"a": "b"}, ORDERS)
    run(provider.plugin.provision(provider.settings, request, provider.http))


def test_the_refusal_is_that_of_oauth() -> None:
    """The default is the error response of RFC 6749."""
    assert oauth_refusal("because").json_object("x") == {"error": "invalid_client", "error_description": "because"}


class WithIds(TemplatePlugin):
    """A provider whose tokens say no more than an id of its own."""

    def subject(self, settings: TemplateSettings, claims: Mapping[str, object]) -> Principal:  # type: ignore[override]
        return Principal(f"id of {claims['sub']}")

    async def provision(self, settings: TemplateSettings, request: ProvisionRequest, http: Http) -> Provisioned:
        await super().provision(settings, request, http)
        return Provisioned({PRINCIPAL: f"id of {request.subject}"})


def test_an_id_of_the_provider_is_looked_up(make: Callable[..., ProviderUnderTest]) -> None:
    """As the host does it: by what provision() gave back; an id that is nobody's is refused."""
    provider = make(WithIds())
    assert provider.mounts(ORDERS).metadata == {}
    provider.make_known(ORDERS)
    assert provider.mounts(ORDERS).request("aegis").metadata == {PRINCIPAL: f"id of {ORDERS}"}
    assert provider.subject({"sub": str(ORDERS)}) == ORDERS
    with pytest.raises(ClaimRefused, match="0 identities have this id"):
        provider.subject({"sub": "somebody"})

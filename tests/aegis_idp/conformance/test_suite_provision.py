"""The tests of provisioning fail for plugins that are wrong."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve

from aegis_api.names import Subject
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.suite_provision import ProvisionSuite
from aegis_idp.errors import ForeignObject, Refused
from aegis_idp.values import Owner, Provisioned
from aegis_idp_kubernetes.plugin import KubernetesPlugin
from aegis_idp_template.plugin import TemplatePlugin

Make = Callable[..., ProviderUnderTest]
SUITE = ProvisionSuite()
FAILED = pytest.fail.Exception


class Denies(TemplatePlugin):
    """Makes objects, and says that it does not."""

    def makes_objects(self, settings: Any) -> bool:
        return False


class Answers(TemplatePlugin):
    """Gives other metadata at each run."""

    def __init__(self) -> None:
        self._runs = itertools.count()

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        await super().provision(settings, request, http)
        return Provisioned({"run": str(next(self._runs))})


class Leaves(TemplatePlugin):
    """Removes nothing."""

    async def deprovision(self, settings: Any, request: Any, http: Any) -> None:
        """Nothing."""


class Minds(TemplatePlugin):
    """Takes what is gone already for a failure."""

    async def deprovision(self, settings: Any, request: Any, http: Any) -> None:
        answer = await http.request(
            "DELETE",
            f"{settings.address}/accounts/{request.subject.namespace}.{request.subject.name}",
            headers={"authorization": f"Bearer {request.host_token_at(settings.address).reveal()}"},
            body=b'{"owner": "test-cluster/7d5b1c1e-2f64-4a39-8e1a-0c7b3f0f5a11"}',
        )
        answer.good_answer("removal")


class Adopts(TemplatePlugin):
    """Takes over whatever bears its name."""

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        try:
            return await super().provision(settings, request, http)
        except ForeignObject:
            return Provisioned({"account": "adopted"})


class Steals(TemplatePlugin):
    """Refuses to adopt, and removes all the same."""

    async def deprovision(self, settings: Any, request: Any, http: Any) -> None:
        for owner in (request.owner, Owner("test-cluster", "0f8fad5b-d9cb-469f-a165-70867728950e")):
            with suppress(ForeignObject):
                await super().deprovision(settings, evolve(request, owner=owner), http)


class Overwrites(TemplatePlugin):
    """Removes what another cluster has made."""

    async def deprovision(self, settings: Any, request: Any, http: Any) -> None:
        owner = Owner("another-cluster", "0f8fad5b-d9cb-469f-a165-70867728950e")
        await super().deprovision(settings, evolve(request, owner=owner), http)


class OneNamespace(TemplatePlugin):
    """Forgets the namespace in its names."""

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        return await super().provision(settings, _nameless(request), http)

    async def deprovision(self, settings: Any, request: Any, http: Any) -> None:
        await super().deprovision(settings, _nameless(request), http)


def _nameless(request: Any) -> Any:
    return evolve(request, subject=Subject("all", request.subject.name))


class Tells(TemplatePlugin):
    """Puts the host's token into its error."""

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        token = request.host_token_at(settings.address).reveal()
        answer = await http.request("PUT", settings.address, headers={"authorization": f"Bearer {token}"})
        try:
            answer.good_answer("x")
        except Exception as error:
            error.args = (f"{error} {token}",)
            raise
        return Provisioned()


@pytest.mark.parametrize(
    ("test", "plugin", "failure"),
    [
        (SUITE.test_what_makes_nothing_asks_nobody, Denies(), AssertionError),
        (SUITE.test_provisioning_twice_changes_nothing, Answers(), AssertionError),
        (SUITE.test_removal_leaves_nothing, Leaves(), AssertionError),
        (SUITE.test_removal_leaves_nothing, Minds(), Refused),
        (SUITE.test_removing_what_is_not_there_succeeds, Minds(), Refused),
        (SUITE.test_foreign_objects_stay, Adopts(), FAILED),
        (SUITE.test_foreign_objects_stay, Steals(), AssertionError),
        (SUITE.test_clusters_do_not_meet, Overwrites(), AssertionError),
        (SUITE.test_namesakes_do_not_meet, OneNamespace(), AssertionError),
        (SUITE.test_a_removed_identity_gets_no_token, Leaves(), FAILED),
        (SUITE.test_a_provider_that_is_down_changes_nothing_and_keeps_secrets, Tells(), AssertionError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_wrong_plugin_fails(make: Make, test: Callable[[Any], None], plugin: Any, failure: Any) -> None:
    """Each test catches the mistake that it is there for."""
    with pytest.raises(failure):
        test(make(plugin))


@pytest.mark.parametrize("name", [name for name in dir(ProvisionSuite) if name.startswith("test_")])
def test_a_plugin_that_makes_nothing_passes(make: Make, name: str) -> None:
    """What makes nothing has nothing to mend or remove."""
    provider = evolve(make(), plugin=KubernetesPlugin(), config={})
    getattr(SUITE, name)(provider)

"""The tests of healing fail for plugins that are wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from token_service import TokenService

from aegis_idp.conformance import Cluster, ProviderUnderTest, suite_healing
from aegis_idp.conformance.suite_healing import HealingSuite, Stop
from aegis_idp.errors import Refused, Unavailable
from aegis_idp.values import Provisioned
from aegis_idp_template.accounts import account_name
from aegis_idp_template.plugin import TemplatePlugin

Make = Callable[..., ProviderUnderTest]
SUITE = HealingSuite()
FAILED = pytest.fail.Exception


class GivesUp(TemplatePlugin):
    """Does nothing after a first run was cut off: it keeps a note of having begun."""

    _begun = False

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        if self._begun:
            return Provisioned()
        self._begun = True
        made = await super().provision(settings, request, http)
        self._begun = False
        return made


class Renames(TemplatePlugin):
    """Makes another error of each."""

    def __init__(self, kind: type[Exception]) -> None:
        self._kind = kind

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        try:
            return await super().provision(settings, request, http)
        except (Unavailable, Refused) as error:
            raise self._kind(str(error)) from None


class Tells(TemplatePlugin):
    """Quotes what the server said."""

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        token = request.host_token_at(settings.address).reveal()
        try:
            return await super().provision(settings, request, http)
        except Refused as error:
            raise Refused(f"{error} {token}") from None


class Follows(TemplatePlugin):
    """Goes where a redirect points."""

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        try:
            return await super().provision(settings, request, http)
        except Unavailable:
            await http.request("GET", "http://127.0.0.1:1/")
            raise


class Swallows(TemplatePlugin):
    """Takes any end for a good one."""

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        try:
            return await super().provision(settings, request, http)
        except Exception:  # noqa: BLE001  # the mistake that is tested
            return Provisioned()


class Sees(TemplatePlugin):
    """Looks at what is there, and leaves it."""

    _made = False

    async def provision(self, settings: Any, request: Any, http: Any) -> Provisioned:
        if not self._made:
            await super().provision(settings, request, http)
        self._made = True
        return Provisioned()


@pytest.mark.parametrize(
    ("stop", "plugin", "failure"),
    [
        (suite_healing.crash_before, GivesUp(), AssertionError),
        (suite_healing.crash_after, Renames(Refused), Refused),
        (suite_healing.trouble, Renames(Unavailable), AssertionError),
        (suite_healing.refusal, Tells(), AssertionError),
        (suite_healing.redirect, Follows(), AssertionError),
        (suite_healing.cancellation, Swallows(), LookupError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_plugin_that_does_not_heal_fails(make: Make, stop: Stop, plugin: Any, failure: Any) -> None:
    """Each stop shows the mistake that it is there for."""
    with pytest.raises(failure):
        SUITE.test_a_run_that_was_stopped_is_finished_by_the_next(make(plugin), stop)


def test_drift_that_is_left_fails() -> None:
    """A plugin that is content with what it finds is caught; the template's is not."""
    with Cluster(public=True) as cluster, TokenService(cluster) as service:

        def provider(plugin: Any) -> ProviderUnderTest:
            return ProviderUnderTest(
                plugin,
                {"address": service.url},
                cluster,
                objects=lambda: {name: dict(account) for name, account in service.accounts.items()},
                spoil=lambda subject: service.accounts[account_name(subject)].update(subject="nobody"),
            )

        SUITE.test_what_has_drifted_is_mended(provider(TemplatePlugin()))
        with pytest.raises(AssertionError):
            SUITE.test_what_has_drifted_is_mended(provider(Sees()))

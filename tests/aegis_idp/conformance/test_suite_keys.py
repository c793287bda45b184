"""The tests of keys and clocks fail for plugins that are wrong."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve
from token_service import TokenService

from aegis_idp.conformance import Cluster, ProviderUnderTest
from aegis_idp.conformance.suite_keys import KeySuite
from aegis_idp.conformance.verifying import TokenRefused
from aegis_idp.values import KeySetDocument, Secret, Trust
from aegis_idp_template.plugin import TemplatePlugin

SUITE = KeySuite()
FAILED = pytest.fail.Exception

Make = Callable[[Any], ProviderUnderTest]


@pytest.fixture
def service() -> Iterator[TokenService]:
    with Cluster(public=True) as cluster, TokenService(cluster) as service:
        yield service


@pytest.fixture
def rotating(service: TokenService) -> Make:
    """Makes a provider under test whose server has keys that change."""

    def make(plugin: Any) -> ProviderUnderTest:
        rotate = lambda overlap: service.keys.rotate(overlap=overlap)  # noqa: E731  # a value
        return ProviderUnderTest(plugin, {"address": service.url}, service.cluster, rotate=rotate)

    return make


class Copies(TemplatePlugin):
    """Keeps the keys that it saw first."""

    def __init__(self, service: TokenService) -> None:
        self._keys = KeySetDocument(service.keys.key_set())

    async def trust(self, settings: Any, http: Any) -> Trust:
        return evolve(await super().trust(settings, http), key_set=self._keys)


class Wanders(TemplatePlugin):
    """Says something else each time."""

    _calls = 0

    async def trust(self, settings: Any, http: Any) -> Trust:
        self._calls += 1
        return evolve(await super().trust(settings, http), max_lifetime=1000 + self._calls)


class Issues(TemplatePlugin):
    """Gives out tokens with other times."""

    def __init__(self, service: TokenService, **seconds: int) -> None:
        self._service = service
        self._seconds = seconds

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        await super().acquire(settings, request, http)
        return Secret(self._service.token(str(request.subject), request.audience, **self._seconds))


def test_the_right_plugin_passes(rotating: Make) -> None:
    """Nothing here fails for what is right."""
    SUITE.test_new_keys_are_found_where_the_old_ones_were(rotating(TemplatePlugin()))
    SUITE.test_a_withdrawn_key_is_good_no_more(rotating(TemplatePlugin()))
    SUITE.test_clocks_may_differ(rotating(TemplatePlugin()))


def test_keys_that_cannot_be_changed_are_left(make: Make) -> None:
    """Where the author cannot make the server change its keys, there is nothing to show."""
    SUITE.test_new_keys_are_found_where_the_old_ones_were(make(TemplatePlugin()))
    SUITE.test_a_withdrawn_key_is_good_no_more(make(TemplatePlugin()))


def test_keys_that_do_not_follow_fail(rotating: Make, service: TokenService) -> None:
    """A copy of the key set knows neither the new key nor that the old one is withdrawn."""
    with pytest.raises(TokenRefused):
        SUITE.test_new_keys_are_found_where_the_old_ones_were(rotating(Copies(service)))
    with pytest.raises(TokenRefused):
        SUITE.test_a_withdrawn_key_is_good_no_more(rotating(Copies(service)))
    with pytest.raises(AssertionError):
        SUITE.test_new_keys_are_found_where_the_old_ones_were(rotating(Wanders()))


def test_a_key_that_stays_fails(service: TokenService) -> None:
    """A server that goes on publishing what should be withdrawn is found out."""
    rotate = lambda _: service.keys.rotate()  # noqa: E731  # a value
    provider = ProviderUnderTest(TemplatePlugin(), {"address": service.url}, service.cluster, rotate=rotate)
    with pytest.raises(FAILED):
        SUITE.test_a_withdrawn_key_is_good_no_more(provider)


@pytest.mark.parametrize("seconds", [{"begins": 20}, {"lives": 40}], ids=str)
def test_times_without_room_fail(rotating: Make, service: TokenService, seconds: dict[str, int]) -> None:
    """A token that is good from 20 s ahead only, or for 40 s, is refused by proxies whose clocks are fine."""
    with pytest.raises(AssertionError, match="a proxy whose clock is"):
        SUITE.test_clocks_may_differ(rotating(Issues(service, **seconds)))

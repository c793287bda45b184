"""The tests of trust fail for plugins that are wrong."""

import itertools
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from attrs import evolve

from aegis_api.names import Subject
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.suite_trust import TrustSuite
from aegis_idp.values import KeySetDocument, KeySetUrl, Trust
from aegis_idp_template.plugin import TemplatePlugin

Make = Callable[..., ProviderUnderTest]
SUITE = TrustSuite()
FAILED = pytest.fail.Exception


class Trusts(TemplatePlugin):
    """Changes its trust, by the number of the call."""

    def __init__(self, change: Callable[[int, Trust], Trust]) -> None:
        self._calls = itertools.count()
        self._change = change

    async def trust(self, settings: Any, http: Any) -> Trust:
        return self._change(next(self._calls), await super().trust(settings, http))


class Says(TemplatePlugin):
    """Reads the subject in its own way."""

    def __init__(self, subject: Callable[[Any], Subject]) -> None:
        self._subject = subject

    def subject(self, settings: Any, claims: Any) -> Subject:
        return self._subject(claims)


class Leaks(TemplatePlugin):
    """Sends the pod's own token to the provider."""

    async def trust(self, settings: Any, http: Any) -> Trust:
        trust = await super().trust(settings, http)
        return evolve(trust, key_set=KeySetUrl(f"{settings.address}/keys", as_pod=True))


class Swallows(TemplatePlugin):
    async def trust(self, settings: Any, http: Any) -> Trust:
        try:
            return await super().trust(settings, http)
        except Exception:  # noqa: BLE001  # the mistake that is tested
            return await super().trust(settings, http)


def _parsed(claims: Any) -> Subject:
    return Subject.parse(claims["sub"])


def _popped(claims: Any) -> Subject:
    return Subject.parse(claims.pop("sub"))


@pytest.mark.parametrize(
    ("test", "plugin", "failure"),
    [
        (
            SUITE.test_trust_is_the_same_each_time,
            Trusts(lambda n, t: evolve(t, issuer=f"{t.issuer}{n}")),
            AssertionError,
        ),
        (SUITE.test_trust_is_the_same_each_time, Trusts(lambda _, t: evolve(t, issuer="")), AssertionError),
        (
            SUITE.test_the_keys_are_there,
            Trusts(lambda _, t: evolve(t, key_set=KeySetDocument({"keys": []}))),
            jwt.PyJWKSetError,
        ),
        (SUITE.test_the_pods_own_token_goes_to_the_api_server_alone, Leaks(), AssertionError),
        (SUITE.test_odd_claims_are_refused, Says(_parsed), (KeyError, TypeError, ValueError, AttributeError)),
        (SUITE.test_odd_claims_are_refused, Says(lambda _: Subject("shop", "orders")), AssertionError),
        (SUITE.test_odd_claims_are_refused, Says(lambda _: Subject("shop", "other")), AssertionError),
        (SUITE.test_no_claims_are_refused, Says(lambda _: Subject("shop", "orders")), FAILED),
        (SUITE.test_claims_are_left_alone, Says(_popped), AssertionError),
        (SUITE.test_a_cancelled_trust_ends, Swallows(), FAILED),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_wrong_plugin_fails(make: Make, test: Callable[[Any], None], plugin: Any, failure: Any) -> None:
    """Each test catches the mistake that it is there for."""
    with pytest.raises(failure):
        test(make(plugin))

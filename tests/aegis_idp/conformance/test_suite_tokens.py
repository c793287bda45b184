"""The tests of tokens fail for plugins that are wrong."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve, frozen

from aegis_api.names import Subject
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.suite_tokens import TokenSuite
from aegis_idp.conformance.verifying import TokenRefused
from aegis_idp.conformance.wires import Cancelled
from aegis_idp.errors import Misconfigured, Refused
from aegis_idp.values import Secret
from aegis_idp_template.plugin import TemplatePlugin

Make = Callable[..., ProviderUnderTest]
SUITE = TokenSuite()
FAILED = pytest.fail.Exception


@frozen
class Request:
    """A request for a token with another audience than was asked for."""

    subject: Subject
    audience: Any
    service_account_token: Callable[..., Secret]


class ForAudience(TemplatePlugin):
    """Asks for an audience of its own making."""

    def __init__(self, audience: Callable[[str], Any]) -> None:
        self._audience = audience

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        changed: Any = Request(request.subject, self._audience(request.audience), request.service_account_token)
        return await super().acquire(settings, changed, http)


class OneNamespace(TemplatePlugin):
    """Takes every subject for one of shop's."""

    def subject(self, settings: Any, claims: Any) -> Subject:
        return evolve(super().subject(settings, claims), namespace="shop")


class KeepsRequest(TemplatePlugin):
    """Leaves the request on itself while it waits."""

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        self._request = request
        await http.request("GET", f"{settings.address}/keys")
        return await super().acquire(settings, self._request, http)


class CachesFile(TemplatePlugin):
    """Reads the ServiceAccount token once."""

    _shown: Secret | None = None

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        shown = self._shown = self._shown or request.service_account_token(settings.address)
        changed: Any = Request(request.subject, request.audience, lambda _: shown)
        return await super().acquire(settings, changed, http)


class CachesToken(TemplatePlugin):
    """Gives the first token to everybody."""

    _token: Secret | None = None

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        request.service_account_token(settings.address)
        self._token = self._token or await super().acquire(settings, request, http)
        return self._token


class Tells(TemplatePlugin):
    """Puts what it showed into its error."""

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        try:
            return await super().acquire(settings, request, http)
        except Refused as error:
            raise Refused(f"{error}: {request.service_account_token(settings.address).reveal()}") from None


class Swallows(TemplatePlugin):
    """Tries again whatever happened, and takes a missing file for the provider's no."""

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        try:
            return await super().acquire(settings, request, http)
        except Misconfigured as error:
            raise Refused(str(error)) from error
        except Exception:  # noqa: BLE001  # the mistake that is tested
            return await super().acquire(settings, request, http)


class NeedsNothing(TemplatePlugin):
    """Shows no credential at all."""

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        return Secret(json.dumps({}))


class NoDestinations(TemplatePlugin):
    """Cannot ask for an audience per destination."""

    def pod_needs(self, settings: Any, pod: Any) -> Any:
        if pod.audience_per_destination:
            raise Misconfigured("this provider knows one audience: set audiencePerDestination: false")
        return super().pod_needs(settings, pod)


class Plain(TemplatePlugin):
    """Gives a bare text in place of a secret."""

    async def acquire(self, settings: Any, request: Any, http: Any) -> Any:
        return (await super().acquire(settings, request, http)).reveal()


@pytest.mark.parametrize(
    ("test", "plugin", "failure"),
    [
        (SUITE.test_a_token_is_for_its_subject_and_audience, ForAudience(lambda _: "other"), TokenRefused),
        (SUITE.test_a_token_is_for_its_subject_and_audience, Plain(), AssertionError),
        (
            SUITE.test_a_token_is_no_good_for_another_audience,
            ForAudience(lambda audience: [audience, f"{audience}-of-another-mesh"]),
            FAILED,
        ),
        (
            SUITE.test_a_token_for_one_destination_is_no_good_at_another,
            ForAudience(lambda _: ["stock.shop.svc", "bills.bank.svc"]),
            FAILED,
        ),
        (SUITE.test_namesakes_of_two_namespaces_are_two_subjects, OneNamespace(), AssertionError),
        (SUITE.test_nothing_is_kept_between_calls, KeepsRequest(), AssertionError),
        (SUITE.test_nothing_is_kept_between_calls, CachesToken(), AssertionError),
        (SUITE.test_each_call_reads_the_mounted_files, CachesFile(), AssertionError),
        (SUITE.test_each_call_reads_the_mounted_files, NeedsNothing(), AssertionError),
        (SUITE.test_bad_credentials_lead_to_no_good_token, CachesToken(), FAILED),
        (SUITE.test_bad_credentials_lead_to_no_good_token, Tells(), AssertionError),
        (SUITE.test_missing_mounts_are_said, Swallows(), Refused),
        (SUITE.test_a_cancelled_call_ends, Swallows(), FAILED),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_wrong_plugin_fails(make: Make, test: Callable[[Any], None], plugin: Any, failure: type[Exception]) -> None:
    """Each test catches the mistake that it is there for."""
    with pytest.raises(failure):
        test(make(plugin))


def test_a_provider_without_destinations_passes(make: Make) -> None:
    """Saying so at admission is an answer."""
    SUITE.test_a_token_for_one_destination_is_no_good_at_another(make(NoDestinations()))


def test_a_cancellation_is_an_exception_like_a_reactors() -> None:
    """What a plugin must let pass is what `except Exception` catches."""
    assert issubclass(Cancelled, Exception)

"""The tests of faults fail for plugins that are wrong."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.suite_faults import FaultSuite
from aegis_idp.errors import ProviderError, Refused, Unavailable
from aegis_idp.values import Secret
from aegis_idp_template.plugin import TemplatePlugin

Make = Callable[..., ProviderUnderTest]
SUITE = FaultSuite()


class Careless(TemplatePlugin):
    """Looks at no status, and takes any JSON for the one it hoped for."""

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        shown = request.service_account_token(settings.address).reveal()
        body = json.dumps({"token": shown, "audience": request.audience}).encode()
        response = await http.request("POST", f"{settings.address}/token", body=body)
        return Secret(json.loads(response.body)["token"])


class Says(TemplatePlugin):
    """Makes another error of each."""

    def __init__(self, change: Callable[[ProviderError], Exception]) -> None:
        self._change = change

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        try:
            return await super().acquire(settings, request, http)
        except ProviderError as error:
            raise self._change(error) from None


class Follows(TemplatePlugin):
    """Goes where a redirect points, with the token."""

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        try:
            return await super().acquire(settings, request, http)
        except Unavailable:
            await http.request("POST", "http://127.0.0.1:1/elsewhere")
            raise


class Quotes(TemplatePlugin):
    """Puts the provider's answer into its error as it came."""

    async def acquire(self, settings: Any, request: Any, http: Any) -> Secret:
        shown = request.service_account_token(settings.address).reveal()
        body = json.dumps({"token": shown, "audience": request.audience}).encode()
        response = await http.request("POST", f"{settings.address}/token", body=body)
        if response.status != 200:
            raise Refused(f"invalid_client {response.status}: {response.body.decode()}")
        return Secret(json.loads(response.body)["token"])


@pytest.mark.parametrize(
    ("test", "arguments", "plugin", "failure"),
    [
        (SUITE.test_trouble_at_the_provider_passes, (503,), Says(lambda error: Refused(str(error))), AssertionError),
        (
            SUITE.test_trouble_at_the_provider_passes,
            (503,),
            Says(lambda error: Unavailable(str(error))),
            AssertionError,
        ),
        (SUITE.test_trouble_at_the_provider_passes, (503,), Careless(), KeyError),
        (SUITE.test_no_answer_passes, (), Says(lambda error: Refused(str(error))), AssertionError),
        (SUITE.test_no_answer_passes, (), Says(lambda _: OSError()), OSError),
        (SUITE.test_garbage_is_no_answer, ("text/html", b"<html>"), Careless(), ValueError),
        (SUITE.test_garbage_is_no_answer, ("text/html", b"<html>"), Says(lambda _: Refused("no")), AssertionError),
        (SUITE.test_an_answer_of_another_shape_is_an_error, ({},), Careless(), KeyError),
        (SUITE.test_redirects_are_not_followed, (), Follows(), AssertionError),
        (SUITE.test_redirects_are_not_followed, (), Says(lambda _: Refused("no")), AssertionError),
        (SUITE.test_a_refusal_says_why_and_keeps_secrets, (), Quotes(), AssertionError),
        (SUITE.test_a_refusal_says_why_and_keeps_secrets, (), Says(lambda _: Refused("no")), AssertionError),
        (
            SUITE.test_a_refusal_says_why_and_keeps_secrets,
            (),
            Says(lambda _: Unavailable("invalid_client")),
            AssertionError,
        ),
        (SUITE.test_a_bare_refusal_is_a_refusal, (403,), Says(lambda _: Unavailable("403")), AssertionError),
        (SUITE.test_a_bare_refusal_is_a_refusal, (403,), Says(lambda _: Refused("no")), AssertionError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_wrong_plugin_fails(
    make: Make, test: Callable[..., None], arguments: tuple[Any, ...], plugin: Any, failure: type[Exception]
) -> None:
    """Each test catches the mistake that it is there for."""
    with pytest.raises(failure):
        test(make(plugin), *arguments)

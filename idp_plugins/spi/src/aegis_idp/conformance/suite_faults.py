"""Faults: the provider is down, slow to recover, broken or says no, at each request of a call in turn."""

# These are tests: asserts are what they consist of.

import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.provider import ProviderUnderTest
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.conformance.troubles import TROUBLES, Trouble
from aegis_idp.conformance.wires import Sent, Tapped
from aegis_idp.errors import ProviderError, Refused, Unavailable
from aegis_idp.http import Http, Response
from aegis_idp.values import Secret

_ORDERS = Subject("shop", "orders")
_JSON = {"content-type": "application/json"}
_HTML = {"content-type": "text/html"}

Question = Callable[[Http], Coroutine[Any, Any, object]]


class FaultSuite:
    @pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
    def test_trouble_at_the_provider_passes(self, provider: ProviderUnderTest, status: int) -> None:
        """5xx and 429 are Unavailable, with the delay that the provider asks for."""
        for error, _ in _errors(provider, lambda _: Response(status, {"retry-after": "7", **_JSON}, b"{}")):
            assert isinstance(error, Unavailable)
            assert error.retry_after == 7.0

    def test_no_answer_passes(self, provider: ProviderUnderTest) -> None:
        """What the HTTP client says of the network is left as it is: Unavailable."""
        for error, _ in _errors(provider, _no_answer):
            assert isinstance(error, Unavailable)

    @pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
    def test_trouble_on_the_wire_passes(self, provider: ProviderUnderTest, trouble: Trouble) -> None:
        """A server that is down, hangs up, is slow, drips, or sends too much is Unavailable, by a real client."""
        with trouble() as ask:
            for error, _ in _errors(provider, lambda sent: ask(sent.method)):
                assert isinstance(error, Unavailable)

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("text/html", b"<html>Bad gateway</html>"),
            ("application/json", b"\xff\x00{"),
            ("application/json", b"[" * 9999),
        ],
        ids=["a page", "bytes", "nesting"],
    )
    def test_garbage_is_no_answer(self, provider: ProviderUnderTest, kind: str, body: bytes) -> None:
        """A status of 200 with something else than JSON comes from a box in between: Unavailable."""
        for error, _ in _errors(provider, lambda _: Response(200, {"content-type": kind}, body)):
            assert isinstance(error, Unavailable)

    @pytest.mark.parametrize("value", [{}, [], None, 5, {"issuer": 5, "access_token": {}, "token": []}], ids=json.dumps)
    def test_an_answer_of_another_shape_is_an_error(self, provider: ProviderUnderTest, value: object) -> None:
        """JSON that holds not what was asked for is a ProviderError, never a KeyError."""
        body = json.dumps(value).encode()
        for error, _ in _errors(provider, lambda _: Response(200, _JSON, body)):
            assert isinstance(error, ProviderError)

    def test_redirects_are_not_followed(self, provider: ProviderUnderTest) -> None:
        """A redirect is Unavailable, and nothing is sent to where it points, least of all a token."""
        elsewhere = "http://127.0.0.1:1/elsewhere"
        for error, tap in _errors(provider, lambda _: Response(302, {"location": elsewhere, **_HTML}, b"")):
            assert isinstance(error, Unavailable)
            assert not any(sent.url.startswith(elsewhere) for sent in tap.sent)

    def test_a_refusal_says_why_and_keeps_secrets(self, provider: ProviderUnderTest) -> None:
        """A 4xx is Refused with the provider's error code; what it quotes of our request does not show."""
        for error, _ in _errors(provider, lambda sent: provider.refusal(_everything(sent))):
            assert isinstance(error, Refused)
            assert provider.refusal_code in str(error)

    @pytest.mark.parametrize("status", [400, 401, 403, 404])
    def test_a_bare_refusal_is_a_refusal(self, provider: ProviderUnderTest, status: int) -> None:
        """A 4xx without any explanation is Refused, and says which status came."""
        for error, _ in _errors(provider, lambda _: Response(status, _HTML, b"<html>no</html>")):
            assert isinstance(error, Refused)
            assert str(status) in str(error)


def _no_answer(_: Sent) -> Response:
    raise Unavailable("connection refused")


def _everything(sent: Sent) -> str:
    """All that was sent, as a chatty server quotes it."""
    return f"{sent.body.decode('latin-1')} {' '.join(sent.headers.values())}"


def _errors(provider: ProviderUnderTest, fault: Callable[[Sent], Response]) -> Iterator[tuple[BaseException, Tapped]]:
    """What acquire() and trust() raise when `fault` answers their first, second, ... request. No secret shows in it."""
    provider.make_known(_ORDERS)
    mounts = provider.mounts(_ORDERS)
    questions: list[Question] = [
        lambda http: provider.plugin.acquire(provider.settings, mounts.request(provider.audience), http),
        lambda http: provider.plugin.trust(provider.settings, http),
    ]
    for question in questions:
        good = Tapped(provider.http)
        answer = run(question(good))
        issued = (answer,) if isinstance(answer, Secret) else ()
        for number in range(len(good.sent)):
            tap = Tapped(provider.http, number, fault)
            with pytest.raises(ProviderError) as caught:
                run(question(tap))
            assert_keeps((*mounts.all_secrets(), *issued), caught.value)
            yield caught.value, tap

"""Healing: whatever stops a run, or changes what it made, the next run leaves all as it should be.

For plugins that make objects. What goes through the host's HTTP client is stopped at each request in turn; a plugin
that asks by an SDK of its own has to show the same in its own tests.
"""

# These are tests: asserts are what they consist of.

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.provider import ProviderUnderTest
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.conformance.wires import Cancelled, Pausing, Sent, Tapped, cancel
from aegis_idp.errors import Refused, Unavailable
from aegis_idp.http import Http, Response
from aegis_idp.values import Secret

_ORDERS = Subject("shop", "orders")

Question = Callable[[Http], Coroutine[Any, Any, object]]
Stop = Callable[[ProviderUnderTest, Question, int], None]


def _no_answer(_: Sent) -> Response:
    raise Unavailable("connection reset")


def crash_before(provider: ProviderUnderTest, question: Question, at: int) -> None:
    """The request never reaches the server."""
    _asked(question, Tapped(provider.http, at, _no_answer), Unavailable)


def crash_after(provider: ProviderUnderTest, question: Question, at: int) -> None:
    """The server does what it was asked, and nobody hears of it."""
    _asked(question, Tapped(provider.http, at, _no_answer, late=True), Unavailable)


def trouble(provider: ProviderUnderTest, question: Question, at: int) -> None:
    """The server says that it is in trouble."""
    fault = Tapped(provider.http, at, lambda _: Response(503, {"retry-after": "7"}, b""))
    error = _asked(question, fault, Unavailable)
    assert getattr(error, "retry_after", None) == 7.0


def refusal(provider: ProviderUnderTest, question: Question, at: int) -> None:
    """The server says no, and quotes all that it was sent."""
    fault = Tapped(provider.http, at, lambda sent: Response(403, {}, " ".join(sent.headers.values()).encode()))
    assert "403" in str(_asked(question, fault, Refused))


def redirect(provider: ProviderUnderTest, question: Question, at: int) -> None:
    """The answer points elsewhere, and nobody goes there."""
    fault = Tapped(provider.http, at, lambda _: Response(302, {"location": "http://127.0.0.1:1/"}, b""))
    _asked(question, fault, Unavailable)
    assert not any(sent.url.startswith("http://127.0.0.1:1/") for sent in fault.sent)


def cancellation(provider: ProviderUnderTest, question: Question, at: int) -> None:
    """Nobody waits for the answer any more."""
    with pytest.raises(Cancelled):
        cancel(question(Pausing(provider.http)), at)


STOPS: tuple[Stop, ...] = (crash_before, crash_after, trouble, refusal, redirect, cancellation)


class HealingSuite:
    @pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.__name__)
    def test_a_run_that_was_stopped_is_finished_by_the_next(self, provider: ProviderUnderTest, stop: Stop) -> None:
        """Making and removing, stopped at each request in turn: no secret is told, and a second run finishes it."""
        if not provider.makes_objects:
            return
        nothing, requests = provider.objects(), Tapped(provider.http)
        make, remove = _questions(provider)
        run(make(requests))
        everything = provider.objects()
        to_make = len(requests.sent)
        run(remove(requests))
        assert provider.objects() == nothing
        for at in range(to_make):
            stop(provider, make, at)
            run(make(provider.http))
            assert provider.objects() == everything
            run(remove(provider.http))
        for at in range(len(requests.sent) - to_make):
            run(make(provider.http))
            stop(provider, remove, at)
            run(remove(provider.http))
            assert provider.objects() == nothing

    def test_what_has_drifted_is_mended(self, provider: ProviderUnderTest) -> None:
        """What somebody changed by hand at the provider is put right, with what the first run gave back or without."""
        if provider.spoil is None:
            return
        make, _ = _questions(provider)
        run(make(provider.http))
        good = provider.objects()
        provider.spoil(_ORDERS)
        assert provider.objects() != good
        run(make(provider.http))
        assert provider.objects() == good


def _questions(provider: ProviderUnderTest) -> tuple[Question, Question]:
    """To make the identity, and to remove it."""

    def make(http: Http) -> Coroutine[Any, Any, object]:
        return provider.plugin.provision(provider.settings, provider.request(_ORDERS), http)

    def remove(http: Http) -> Coroutine[Any, Any, object]:
        return provider.plugin.deprovision(provider.settings, provider.request(_ORDERS), http)

    return make, remove


def _asked(question: Question, tap: Tapped, kind: type[Exception]) -> Exception:
    """The error of the given kind that the question ends with; no credential that was sent shows in it."""
    with pytest.raises(kind) as caught:
        run(question(tap))
    sent = [part for request in tap.sent for part in request.headers.get("authorization", "").split()]
    assert_keeps((Secret(part) for part in sent if len(part) > 12), caught.value)
    return caught.value

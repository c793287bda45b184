"""Tokens for the way out, in virtual time. E rows: a provider that is down, slow, or answers wrongly."""

from collections import Counter
from pathlib import Path

import pytest
from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_proxy.shell.pod_files import PodFiles
from aegis_proxy.shell.token_source import Binding, TokenSource, TokenUnavailable
from support.proxy_log import ReadableLog
from support.scripted_provider import Lowest, ScriptedHttp, ScriptedPlugin, scripted_provider
from support.tokens import AUDIENCE, ISSUER, NOW, SUBJECT, claims, mint

ME = Subject.parse(SUBJECT)


def token(now: float = NOW, life: int = 1000, **changes: object) -> bytes:
    """The same bytes for the same claims: who sends a token does not check its signature."""
    payload = claims(iat=int(now), nbf=int(now), exp=int(now) + life, **changes)
    return mint(payload=payload, signature=b"s" * 64)


@define
class Bench:
    clock: Clock
    log: ReadableLog
    plugin: ScriptedPlugin = field(factory=ScriptedPlugin)
    counters: Counter[tuple[str, str]] = field(factory=Counter)
    tokens: TokenSource = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.clock.advance(NOW)
        files = PodFiles(Path("nowhere"), Path("nowhere"))
        self.tokens = TokenSource(
            files, ScriptedHttp(), self.clock, self.clock.seconds, self.log.log, Lowest(), self.counters
        )
        self.bind()

    def bind(self, subject: Subject = ME) -> None:
        self.tokens.bind(Binding(scripted_provider(self.plugin), subject, lambda: ISSUER))

    def fetch(self, audience: str = AUDIENCE) -> list[object]:
        """What the one who waits got: bytes, or the error's text."""
        got: list[object] = []

        def refused(failure: Failure) -> None:
            failure.trap(TokenUnavailable)
            got.append(failure.value)

        self.tokens.fetch(audience).addCallbacks(got.append, refused)
        return got

    def refused(self, audience: str = AUDIENCE) -> TokenUnavailable:
        (error,) = self.fetch(audience)
        assert isinstance(error, TokenUnavailable)
        return error

    def pass_time(self, seconds: float, step: float = 1.0) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)


@pytest.fixture
def bench(clock: Clock, readable_log: ReadableLog) -> Bench:
    return Bench(clock, readable_log)


def test_a_token_is_fetched_once_and_kept(bench: Bench) -> None:
    """For subject and audience; then it is at hand."""
    assert bench.tokens.cached(AUDIENCE) is None
    got = bench.fetch()
    request = bench.plugin.asked[0][0]
    assert (request.subject, request.audience) == (ME, AUDIENCE)
    bench.plugin.answer(token())
    assert got == [token()] == [bench.tokens.cached(AUDIENCE)] == bench.fetch()
    assert bench.counters["token_fetches", "ok"] == 1


@pytest.mark.attack("X18")
def test_e08_a_thousand_requests_are_one_call(bench: Bench) -> None:
    """All who ask meanwhile share it."""
    got = [bench.fetch() for _ in range(1000)]
    assert len(bench.plugin.asked) == 1
    bench.plugin.answer(token())
    assert all(one == [token()] for one in got)


def test_audiences_are_apart(bench: Bench) -> None:
    """A token for one is never given for another."""
    bench.fetch("a")
    bench.fetch("b")
    bench.plugin.answer(token(aud="a"))
    bench.plugin.answer(token(aud="b"))
    assert (bench.tokens.cached("a"), bench.tokens.cached("b")) == (token(aud="a"), token(aud="b"))


def test_a_provider_may_call_an_audience_its_own_way(bench: Bench) -> None:
    """What is asked for and kept by is the destination, and what comes must hold the provider's name of it."""
    provider = evolve(scripted_provider(bench.plugin), audiences={"stock.shop.svc": "id-1"})
    bench.tokens.bind(Binding(provider, ME, lambda: ISSUER))
    (got, refused) = (bench.fetch("stock.shop.svc"), bench.fetch("orders.shop.svc"))
    assert [request.audience for request, _ in bench.plugin.asked] == ["stock.shop.svc", "orders.shop.svc"]
    bench.plugin.answer(token(aud="id-1"))
    bench.plugin.answer(token(aud="id-1"))
    assert got == [bench.tokens.cached("stock.shop.svc")] == [token(aud="id-1")]
    assert "wanted orders.shop.svc" in str(refused[0])


def test_e08_a_token_in_use_is_renewed_in_the_background(bench: Bench) -> None:
    """At 80 % of its life, a tenth less here; the old one serves meanwhile."""
    bench.fetch()
    bench.plugin.answer(token())
    bench.pass_time(719)
    assert bench.tokens.cached(AUDIENCE) == token()
    assert bench.plugin.asked == []
    bench.pass_time(2)
    assert len(bench.plugin.asked) == 1
    assert bench.tokens.cached(AUDIENCE) == token()
    fresh = token(bench.clock.seconds())
    bench.plugin.answer(fresh)
    assert bench.tokens.cached(AUDIENCE) == fresh


def test_a_token_that_nobody_uses_is_not_renewed(bench: Bench) -> None:
    """One that was renewed and not used since is forgotten."""
    bench.fetch()
    bench.plugin.answer(token())
    bench.pass_time(721)
    bench.plugin.answer(token(bench.clock.seconds()))
    bench.pass_time(2000, 10)
    assert bench.plugin.asked == []
    assert bench.tokens.describe() == []


def test_e08_the_old_token_serves_until_it_nearly_expires(bench: Bench) -> None:
    """The provider is down from the first renewal on: 1, 2, 4 ... 60 s between the attempts."""
    bench.fetch()
    bench.plugin.answer(token())
    attempts = 0
    while bench.clock.seconds() < NOW + 989:
        if bench.plugin.asked:
            attempts += 1
            bench.plugin.fail(Unavailable("down"))
        bench.pass_time(1)
        assert bench.tokens.cached(AUDIENCE) == token()
    assert 6 <= attempts <= 12
    bench.pass_time(2)
    assert bench.tokens.cached(AUDIENCE) is None
    error = bench.refused()
    assert "down" in str(error)
    assert 0 < error.retry_after <= 60


def test_e08_the_provider_s_wish_is_honoured(bench: Bench) -> None:
    """429 with Retry-After: nobody asks before; who waits is told how long."""
    got = bench.fetch()
    bench.plugin.fail(Unavailable("too many", retry_after=20))
    assert isinstance(got[0], TokenUnavailable)
    assert got[0].retry_after == 20
    bench.pass_time(19)
    assert bench.refused().retry_after == 1
    assert bench.plugin.asked == []
    bench.pass_time(1)
    bench.fetch()
    assert len(bench.plugin.asked) == 1


@pytest.mark.parametrize(
    ("error", "outcome"), [(Refused("no such role"), "refused"), (Misconfigured("no file"), "misconfigured")]
)
def test_what_somebody_must_change_is_tried_slowly(bench: Bench, error: Exception, outcome: str) -> None:
    """30 s, then 60."""
    got = bench.fetch()
    bench.plugin.fail(error)
    assert str(error) in str(got[0])
    assert bench.refused().retry_after == 30
    assert bench.counters["token_fetches", outcome] == 1


def test_e08_a_slow_provider_has_a_deadline(bench: Bench) -> None:
    """10 s for each call; it is cancelled."""
    got = bench.fetch()
    bench.pass_time(10)
    assert "did not answer within 10 s" in str(got[0])
    assert bench.plugin.cancelled == 1
    assert bench.counters["token_fetches", "unavailable"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(token(sub="system:serviceaccount:shop:other"), id="E09-sub"),
        pytest.param(token(aud="other"), id="E09-aud"),
        pytest.param(token(iss="https://evil"), id="E09-iss"),
        pytest.param(token(NOW - 2000), id="E09-expired"),
        pytest.param(b"<html>", id="E09-html"),
    ],
)
def test_e09_a_wrong_token_is_refused_and_the_old_one_kept(bench: Bench, wrong: bytes) -> None:
    """It is never sent; the log says what is wrong with it."""
    bench.fetch()
    bench.plugin.answer(token())
    bench.pass_time(721)
    bench.plugin.answer(wrong)
    assert bench.tokens.cached(AUDIENCE) == token()
    assert bench.counters["token_fetches", "wrong"] == 1
    assert bench.tokens.describe()[0]["problem"] is not None
    assert wrong.decode() not in bench.log.text()


def test_e09_a_first_token_that_is_wrong_is_an_error(bench: Bench) -> None:
    """The request fails; it is not sent without."""
    got = bench.fetch()
    bench.plugin.answer(token(aud="other"))
    assert "check the provider's settings" in str(got[0])


def test_a_defect_of_the_plugin_is_an_error_and_logged(bench: Bench) -> None:
    """Without its text."""
    got = bench.fetch()
    bench.plugin.fail(KeyError("hunter2"))
    assert "failed at acquire with KeyError" in str(got[0])
    assert bench.counters["token_fetches", "defect"] == 1
    assert "hunter2" not in bench.log.text()


def test_another_identity_has_other_tokens(bench: Bench) -> None:
    """Those of the one before are forgotten at once, and its calls ended."""
    bench.fetch()
    bench.plugin.answer(token())
    got = bench.fetch("slow")
    bench.bind(Subject("shop", "other"))
    assert bench.tokens.cached(AUDIENCE) is None
    assert "has just changed" in str(got[0])
    assert bench.plugin.cancelled == 1


def test_the_same_identity_keeps_its_tokens(bench: Bench) -> None:
    """It is told again at each update."""
    provider = scripted_provider(bench.plugin)
    bench.tokens.bind(Binding(provider, ME, lambda: ISSUER))
    bench.fetch()
    bench.plugin.answer(token())
    bench.tokens.bind(Binding(provider, ME, lambda: ISSUER))
    assert bench.tokens.cached(AUDIENCE) == token()


def test_without_an_identity_there_is_no_token(bench: Bench) -> None:
    """The reason is said."""
    bench.tokens.bind(None, "the Identity does not exist")
    error = bench.refused()
    assert str(error) == "no token for the audience aegis: the Identity does not exist"
    assert error.retry_after == 1


def test_the_first_token_is_waited_for(bench: Bench) -> None:
    """Readiness: once it was had, a provider that is down later does not make the pod unready."""
    had = [bench.tokens.had_first]
    bench.tokens.pin(AUDIENCE)
    bench.tokens.pin(AUDIENCE)
    had.append(bench.tokens.had_first)
    assert len(bench.plugin.asked) == 1
    bench.plugin.fail(Unavailable("down"))
    bench.tokens.pin(AUDIENCE)
    assert bench.plugin.asked == []
    bench.pass_time(1)
    bench.plugin.answer(token(bench.clock.seconds()))
    had.append(bench.tokens.had_first)
    bench.pass_time(2000)
    had.append(bench.tokens.had_first)
    assert had == [True, False, True, True]


def test_a_pinned_token_is_renewed_unused(bench: Bench) -> None:
    """It is at hand for the next request, whenever that comes."""
    bench.tokens.pin(AUDIENCE)
    for _ in range(3):
        bench.plugin.answer(token(bench.clock.seconds()))
        bench.pass_time(721)
    assert len(bench.plugin.asked) == 1


def test_a_pin_waits_for_the_identity(bench: Bench) -> None:
    """Nothing is asked on behalf of nobody; once it is known, the token is fetched."""
    bench.tokens.bind(None, "not yet")
    bench.tokens.pin(AUDIENCE)
    assert not bench.tokens.had_first
    assert bench.plugin.asked == []
    bench.bind()
    assert len(bench.plugin.asked) == 1


def test_few_audiences_are_kept(bench: Bench) -> None:
    """1,024, the least recently used go first; the pinned one stays."""
    bench.tokens.pin(AUDIENCE)
    bench.plugin.answer(token())
    got = bench.fetch("first")
    for number in range(1023):
        bench.fetch(f"a{number}")
    assert isinstance(got[0], TokenUnavailable)
    assert bench.tokens.cached(AUDIENCE) == token()
    assert len(bench.tokens.describe()) == 1024


def test_one_who_waits_may_give_up(bench: Bench) -> None:
    """The call goes on for the next."""
    waiting = bench.tokens.fetch(AUDIENCE)
    assert isinstance(waiting, Deferred)
    waiting.addErrback(lambda _: None)
    waiting.cancel()
    got = bench.fetch()
    bench.plugin.answer(token())
    assert got == [token()]


def test_s01_tokens_do_not_show(bench: Bench) -> None:
    """Neither in the log nor in the description."""
    bench.fetch()
    bench.plugin.answer(token())
    assert token().decode() not in bench.log.text() + str(bench.tokens.describe())
    assert bench.tokens.describe() == [{"audience": AUDIENCE, "expires_in": 1000, "problem": None}]


def test_what_is_known_at_the_provider_goes_to_the_plugin(bench: Bench) -> None:
    """Another id there is another identity: its tokens are asked for anew, and the old ones are not sent."""
    provider = scripted_provider(bench.plugin)
    for metadata in ({}, {"principal": "id-1"}):
        bench.tokens.bind(Binding(provider, ME, lambda: ISSUER, metadata))
        assert bench.tokens.cached(AUDIENCE) is None
        bench.fetch()
        assert bench.plugin.asked[-1][0].metadata == metadata
        bench.plugin.answer(token())
        assert bench.tokens.cached(AUDIENCE) == token()

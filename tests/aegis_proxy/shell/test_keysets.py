"""Trust in one provider, in virtual time. J rows: key sets that rotate, vanish, or are none."""

from collections import Counter

import pytest
from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.values import KeySetDocument
from aegis_proxy.core.acceptance import Trusted, Untrusted
from aegis_proxy.shell.keysets import TrustKeeper
from support.proxy_log import ReadableLog
from support.scripted_provider import JWKS_URL, TRUST, Lowest, ScriptedHttp, ScriptedPlugin, scripted_provider
from support.tokens import signing_key

FIRST, SECOND = signing_key(kid="k1"), signing_key(kid="k2", number=1)
ONE, TWO = {"keys": [FIRST.jwk()]}, {"keys": [FIRST.jwk(), SECOND.jwk()]}


@define
class Bench:
    clock: Clock
    log: ReadableLog
    plugin: ScriptedPlugin = field(factory=ScriptedPlugin)
    http: ScriptedHttp = field(factory=ScriptedHttp)
    counters: Counter[tuple[str, str]] = field(factory=Counter)
    changes: int = 0
    keeper: TrustKeeper = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.keeper = TrustKeeper(
            scripted_provider(self.plugin), self.http, self.clock, self.log.log, Lowest(), self.counters, self._changed
        )

    def _changed(self) -> None:
        self.changes += 1

    def started(self, document: object = ONE, cache_control: str = "") -> "Bench":
        self.keeper.start()
        self.http.answer(document, cache_control=cache_control)
        return self

    def kids(self) -> list[str]:
        trusted = self.keeper.trusted
        return sorted(trusted.keys.by_kid) if isinstance(trusted, Trusted) else ["untrusted"]

    def pass_time(self, seconds: float, step: float = 1.0) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)


@pytest.fixture
def bench(clock: Clock, readable_log: ReadableLog) -> Bench:
    return Bench(clock, readable_log)


def test_the_plugin_says_whom_to_believe_and_the_keys_follow(bench: Bench) -> None:
    """Until then nobody is believed."""
    assert isinstance(bench.keeper.trusted, Untrusted)
    bench.keeper.start()
    assert not bench.keeper.tried
    assert bench.http.asked[0][0] == JWKS_URL
    bench.http.answer(ONE)
    assert (bench.kids(), bench.changes, bench.keeper.tried) == (["k1"], 1, True)
    assert (bench.counters["key_fetches", "ok"], bench.keeper.key_age()) == (1, 0.0)


def test_a_key_set_at_hand_needs_no_fetch(bench: Bench) -> None:
    """It is in force at once."""
    bench.plugin.trusts = [evolve(TRUST, key_set=KeySetDocument(ONE))]
    bench.keeper.start()
    assert (bench.kids(), bench.http.requests) == (["k1"], 0)
    assert bench.keeper.refetch("k9") is None


@pytest.mark.attack("X14")
def test_keys_are_fetched_again_and_again(bench: Bench) -> None:
    """Every 5 minutes, a tenth less; the same keys change nothing."""
    bench.started()
    bench.pass_time(269)
    assert bench.http.requests == 1
    bench.pass_time(2)
    bench.http.answer(ONE)
    assert (bench.http.requests, bench.changes) == (2, 1)


def test_the_issuer_says_how_long_keys_are_good(bench: Bench) -> None:
    """Cache-Control: max-age."""
    bench.started(cache_control="public, max-age=1000")
    bench.pass_time(899)
    assert bench.http.requests == 1
    bench.pass_time(2)
    assert bench.http.requests == 2


def test_whom_to_believe_is_asked_anew_every_ten_minutes(bench: Bench) -> None:
    """The issuer's document may name another address for its keys."""
    bench.started()
    for _ in range(3):
        bench.pass_time(271)
        bench.http.answer(ONE)
    assert bench.plugin.trust_calls == 2


def test_j09_a_rotated_key_is_taken_and_the_withdrawn_one_is_not_kept(bench: Bench) -> None:
    """At the next round."""
    bench.started()
    bench.pass_time(271)
    bench.http.answer({"keys": [SECOND.jwk()]})
    assert (bench.kids(), bench.changes) == (["k2"], 2)


def test_j09_an_unknown_kid_brings_the_next_round_forward(bench: Bench) -> None:
    """Whoever waits is told when the new keys are in force."""
    bench.started()
    told: list[list[str]] = []
    refetched = bench.keeper.refetch("k2")
    assert refetched is not None
    refetched.addCallback(lambda _: told.append(bench.kids()))
    assert told == []
    bench.http.answer(TWO)
    assert told == [["k1", "k2"]]


def test_j08_ten_thousand_unknown_kids_are_one_fetch(bench: Bench) -> None:
    """All who come while it is under way share it; after it the floor holds."""
    bench.started()
    waiting = [bench.keeper.refetch(f"x{number}") for number in range(10_000)]
    assert bench.http.requests == 2
    bench.http.answer(ONE)
    assert all(isinstance(one, Deferred) and one.called for one in waiting)
    assert bench.keeper.refetch("y") is None
    bench.pass_time(10)
    assert bench.keeper.refetch("y") is not None
    assert bench.kids() == ["k1"]


def test_j08_a_kid_that_stays_unknown_is_not_asked_for_again(bench: Bench) -> None:
    """For a minute."""
    bench.started()
    bench.keeper.refetch("x")
    bench.http.answer(ONE)
    bench.pass_time(20)
    assert bench.keeper.refetch("x") is None
    assert bench.keeper.refetch("y") is not None


def test_one_who_waits_may_give_up(bench: Bench) -> None:
    """The fetch goes on."""
    bench.started()
    refetched = bench.keeper.refetch("k2")
    assert refetched is not None
    refetched.addErrback(lambda _: None)
    refetched.cancel()
    bench.http.answer(TWO)
    assert bench.kids() == ["k1", "k2"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(b"<html>", 200, id="J10-html"),
        pytest.param([], 200, id="J10-list"),
        pytest.param({}, 200, id="J10-no-keys"),
        pytest.param({"keys": "x"}, 200, id="J10-keys-text"),
        pytest.param(ONE, 302, id="J10-302"),
        pytest.param(ONE, 404, id="J10-404"),
        pytest.param(ONE, 500, id="J10-500"),
    ],
)
def test_j10_what_is_no_key_set_changes_nothing(bench: Bench, answer: object, status: int) -> None:
    """At the start: nobody is believed. Later: the last good keys stay."""
    bench.keeper.start()
    bench.http.answer(answer, status)
    assert isinstance(bench.keeper.trusted, Untrusted)
    assert bench.keeper.trusted.reason == bench.keeper.problem != ""
    bench.pass_time(1.1, 0.1)
    bench.http.answer(ONE)
    assert (bench.kids(), bench.keeper.problem) == (["k1"], "")
    bench.pass_time(271)
    bench.http.answer(answer, status)
    assert bench.kids() == ["k1"]
    assert bench.keeper.problem != ""


def test_j10_failures_back_off(bench: Bench) -> None:
    """1, 2, 4, ... 60 s; discovery is asked anew each time."""
    bench.keeper.start()
    for delay in (1, 2, 4, 8, 16, 32, 60, 60):
        bench.http.fail(Unavailable("down"))
        bench.pass_time(delay - 0.1, 0.1)
        assert bench.http.asked == []
        bench.pass_time(0.2, 0.1)
        assert len(bench.http.asked) == 1
    assert bench.plugin.trust_calls == 9
    assert bench.counters["key_fetches", "failed"] == 8


def test_j10_the_issuer_s_own_wish_is_honoured(bench: Bench) -> None:
    """Retry-After, up to five minutes."""
    bench.keeper.start()
    bench.http.answer({}, 429, retry_after="100000")
    bench.pass_time(299)
    assert bench.http.asked == []
    bench.pass_time(2)
    assert len(bench.http.asked) == 1


@pytest.mark.attack("X14")
def test_j10_a_slow_drip_has_a_deadline(bench: Bench) -> None:
    """A round takes at most 30 s."""
    bench.keeper.start()
    bench.pass_time(31)
    assert bench.keeper.problem == "no answer within 30 s"


def test_j10_keys_that_are_too_old_are_given_up(bench: Bench) -> None:
    """After 24 hours without an answer: the issuer may have withdrawn them. A fetch makes them good again."""
    bench.started()
    while bench.clock.seconds() < 24 * 3600 + 400:
        if bench.http.asked:
            bench.http.fail(Unavailable("down"))
        bench.pass_time(20, 20)
        if bench.clock.seconds() < 24 * 3600:
            assert bench.kids() == ["k1"]
    assert (bench.kids(), bench.changes) == ([], 2)
    while not bench.http.asked:
        bench.pass_time(20, 20)
    bench.http.answer(ONE)
    assert (bench.kids(), bench.changes) == (["k1"], 3)


def test_an_empty_key_set_is_an_answer(bench: Bench) -> None:
    """The issuer has withdrawn all keys; it is asked again soon."""
    bench.started()
    bench.pass_time(271)
    bench.http.answer({"keys": []})
    assert bench.kids() == []
    bench.pass_time(55)
    assert len(bench.http.asked) == 1


@pytest.mark.parametrize("error", [Misconfigured("set the issuer"), ZeroDivisionError("x")])
def test_a_plugin_that_fails_is_asked_again(bench: Bench, error: Exception) -> None:
    """Its sentence is shown; that of a defect is not."""
    bench.plugin.trusts = [error, TRUST]
    bench.keeper.start()
    assert isinstance(bench.keeper.trusted, Untrusted)
    assert ("set the issuer" in bench.keeper.problem) == isinstance(error, Misconfigured)
    bench.pass_time(1.1, 0.1)
    bench.http.answer(ONE)
    assert bench.kids() == ["k1"]


def test_an_error_of_ours_does_not_end_it(bench: Bench) -> None:
    """It is logged, and the next round follows."""
    bench.keeper.start()
    bench.http.fail(ZeroDivisionError("x"))
    assert bench.keeper.problem == "an unexpected ZeroDivisionError, see the log"
    assert any(event["event"] == "fetching keys failed unexpectedly" for event in bench.log.events())
    bench.pass_time(1.1, 0.1)
    bench.http.answer(ONE)
    assert bench.kids() == ["k1"]


def test_after_the_end_nothing_is_asked(bench: Bench) -> None:
    """Calls under way are given up, without a word."""
    bench.keeper.start()
    bench.keeper.stop()
    bench.pass_time(100)
    assert bench.http.requests == 1
    assert bench.keeper.refetch("k2") is None
    assert bench.log.events() == []

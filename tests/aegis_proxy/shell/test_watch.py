"""The driver of lists and watches against a scripted API server in virtual time. K rows: faults of list and watch."""

import gc
from collections import Counter
from random import Random

import pytest
from attrs import define, field
from twisted.internet.task import Clock

from aegis_proxy.core.knowledge import Absent, Held, Invalid, Key, Pending, Present
from aegis_proxy.shell.watch import KubeSource
from support.listings import bookmark, error, policy
from support.proxy_log import ReadableLog
from support.scripted_api import ScriptedApi

ORDERS = Key("IngressPolicy", "orders")


class Roll(Random):
    """Always the lowest."""

    def random(self) -> float:
        return 0.0


@define
class Bench:
    clock: Clock
    log: ReadableLog
    api: ScriptedApi = field(factory=ScriptedApi)
    changes: int = 0
    source: KubeSource = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.source = KubeSource(self.api, "shop", self.clock, self.log.log, Roll(), Counter(), self._changed)
        self.source.want(frozenset({ORDERS}))

    def _changed(self) -> None:
        self.changes += 1

    def held(self) -> Held[object]:
        return self.source.held(ORDERS)

    def path(self) -> bytes:
        """What the policy in force allows."""
        held = self.held()
        assert isinstance(held, Present)
        (rule,) = held.resource.rules  # type: ignore[attr-defined]  # an IngressPolicy
        (path,) = rule.paths
        assert isinstance(path, bytes)
        return path

    def pass_time(self, seconds: float, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)


@pytest.fixture
def bench(clock: Clock, readable_log: ReadableLog) -> Bench:
    return Bench(clock, readable_log)


def test_one_object_is_listed_and_watched(bench: Bench) -> None:
    """By kind, namespace and name, and nothing else."""
    assert bench.held() == Pending()
    asked = bench.api.next()
    assert (asked.target.namespace, asked.target.name) == ("shop", "orders")
    asked.listed(10, policy(7, path="/a"))
    assert (bench.path(), bench.changes) == (b"/a", 1)
    watch = bench.api.next().opened()
    watch.event("MODIFIED", policy(11, path="/b"))
    assert (bench.path(), bench.changes) == (b"/b", 2)
    assert bench.api.history == ["list IngressPolicy", "watch IngressPolicy 10"]


def test_objects_of_cluster_scope_have_no_namespace(bench: Bench) -> None:
    """Their URL has none either."""
    bench.source.want(frozenset({Key("ClusterIdentityProvider", "corp")}))
    assert bench.api.next("ClusterIdentityProvider").target.namespace == ""


def test_what_is_not_wanted_any_more_is_forgotten(bench: Bench) -> None:
    """Its watch ends, and nothing of it is held."""
    bench.api.next().listed(10, policy(7))
    watch = bench.api.next().opened()
    bench.source.want(frozenset())
    assert watch.aborted
    assert bench.held() == Pending()
    bench.pass_time(200, step=5)
    assert bench.api.waiting == []


def test_a_waiting_watcher_can_be_stopped(bench: Bench) -> None:
    """Its delay does not fire later."""
    bench.api.next().unreachable()
    bench.source.stop()
    bench.pass_time(10, step=1)
    assert bench.api.history == ["list IngressPolicy"]


def test_k01_an_absent_server_is_asked_again(bench: Bench) -> None:
    """For a minute; when it is back, the policy is there within one delay."""
    while bench.clock.seconds() < 60:
        if bench.api.waiting:
            bench.api.next().unreachable()
        bench.pass_time(0.1)
    assert bench.held() == Pending()
    assert len(bench.api.history) < 20
    bench.pass_time(5.1)
    bench.api.next().listed(10, policy(7))
    assert isinstance(bench.held(), Present)


def test_k03_half_an_event_is_discarded(bench: Bench) -> None:
    """The connection breaks in the middle of a line; the watch goes on from the last whole one."""
    bench.api.next().listed(10, policy(7, path="/a"))
    watch = bench.api.next().opened()
    watch.event("MODIFIED", policy(11, path="/b"))
    watch.send(b'{"type":"DELETED","object":{"kind')
    watch.cut()
    assert bench.path() == b"/b"
    bench.pass_time(1)
    assert bench.api.next().version == "11"


def test_k04_a_server_that_accepts_and_says_nothing(bench: Bench) -> None:
    """The list has a deadline."""
    bench.pass_time(31, step=1)
    assert len(bench.api.history) == 2
    assert "no answer within 30 s" in bench.log.text()


def test_k04_a_watch_without_an_answer_has_a_deadline(bench: Bench) -> None:
    """It is not waited for as long as an open one."""
    bench.api.next().listed(10, policy(7))
    bench.pass_time(31.5, step=0.5)
    assert bench.api.history == ["list IngressPolicy", "watch IngressPolicy 10", "watch IngressPolicy 10"]


def test_k05_a_silent_watch_ends_by_our_own_deadline(bench: Bench) -> None:
    """timeoutSeconds and 10 s; a list then tells what was missed."""
    bench.api.next().listed(10, policy(7))
    watch = bench.api.next().opened()
    bench.pass_time(69, step=1)
    still_open = not watch.aborted
    bench.pass_time(2, step=1)
    assert (still_open, watch.aborted) == (True, True)
    bench.api.next().listed(20, policy(20, path="/new"))
    assert bench.path() == b"/new"


def test_k06_410_replaces_what_is_known(bench: Bench) -> None:
    """What was deleted meanwhile disappears."""
    bench.api.next().listed(10, policy(7))
    watch = bench.api.next().opened()
    watch.event("ERROR", error(410))
    assert watch.aborted
    bench.api.next().listed(50)
    assert bench.held() == Absent()


def test_k08_retry_after_is_read_from_the_answer(bench: Bench) -> None:
    """In seconds; the refused answer's connection is closed."""
    refused = bench.api.next().refused(429, retry_after="7")
    assert refused.aborted
    bench.pass_time(6.9)
    assert bench.api.waiting == []
    bench.pass_time(0.2)
    bench.api.next()


def test_k08_a_retry_after_that_is_no_number_is_passed_over(bench: Bench) -> None:
    """A date, for one."""
    bench.api.next().refused(503, retry_after="Fri, 31 Dec 1999 23:59:59 GMT")
    bench.pass_time(1)
    bench.api.next()


def test_k08_what_is_known_stays_while_the_server_refuses(bench: Bench) -> None:
    """403 after the role was taken away: the last good policy holds until it is too old."""
    bench.api.next().listed(10, policy(7))
    bench.api.next().refused(403)
    bench.pass_time(1)
    bench.api.next().refused(403)
    assert isinstance(bench.held(), Present)
    bench.pass_time(100, step=1)
    assert bench.source.silence() > 100


@pytest.mark.parametrize("status", [403, 404])
def test_k08_what_may_not_be_read_is_absent_until_it_may(bench: Bench, status: int) -> None:
    """The role of a new pod is made while it starts."""
    bench.api.next().refused(status)
    assert bench.held() == Absent(f"may not be read: the API server answers {status}")
    bench.pass_time(1)
    bench.api.next().refused(status)
    assert bench.changes == 1
    bench.pass_time(2)
    bench.api.next().listed(10, policy(7))
    assert isinstance(bench.held(), Present)


def test_k15_a_401_has_the_token_read_anew(bench: Bench) -> None:
    """And the request sent again at once."""
    bench.api.next().refused(401)
    assert bench.api.rereads == 1
    bench.api.next().listed(10)


def test_k10_a_list_that_is_no_json_is_asked_for_again(bench: Bench) -> None:
    """An HTML page of a proxy between."""
    bench.api.next().opened()
    assert "the list is not JSON" in bench.log.text()
    bench.pass_time(1)
    bench.api.next()


def test_k12_an_edit_that_cannot_be_read_denies(bench: Bench) -> None:
    """Past the schema; the next good edit counts again."""
    bench.api.next().listed(10, policy(7))
    watch = bench.api.next().opened()
    watch.event("MODIFIED", {**policy(11), "spec": {"rules": [{"methods": 7}]}})
    assert isinstance(bench.held(), Invalid)
    watch.event("MODIFIED", policy(12))
    assert isinstance(bench.held(), Present)


def test_k09_an_endless_line_ends_the_watch(bench: Bench) -> None:
    """Memory has a bound."""
    bench.api.next().listed(10, policy(7))
    watch = bench.api.next().opened()
    with pytest.raises(Exception, match="a line of more than"):
        watch.send(b"x" * ((4 << 20) + 1))


def test_nothing_of_a_dropped_watch_is_heard(bench: Bench) -> None:
    """Lines that came together with the one that ended it."""
    bench.api.next().listed(10, policy(7))
    watch = bench.api.next().opened()
    watch.event("ERROR", error(410))
    watch.event("DELETED", policy(99))
    assert isinstance(bench.held(), Present)


def test_a_bookmark_changes_nothing(bench: Bench) -> None:
    """Nobody is told."""
    bench.api.next().listed(10, policy(7))
    bench.api.next().opened().event("BOOKMARK", bookmark(12))
    assert bench.changes == 1


def test_silence_is_counted_from_the_last_sign_of_life(bench: Bench) -> None:
    """Of the object that was not heard of for longest."""
    assert bench.source.silence() == 0.0
    bench.api.next().listed(10, policy(7))
    watch = bench.api.next().opened()
    bench.pass_time(30, step=1)
    assert bench.source.silence() == pytest.approx(30)
    watch.event("BOOKMARK", bookmark(12))
    assert bench.source.silence() == 0.0
    assert bench.source.describe() == {"from": "Kubernetes", "silent_seconds": 0.0, "watched": ["IngressPolicy orders"]}


def test_k20_ten_thousand_reconnects_leave_nothing_behind(bench: Bench) -> None:
    """Neither timers nor requests nor objects."""
    bench.api.next().listed(10, policy(7))

    def reconnect() -> None:
        watch = bench.api.next().opened()
        bench.clock.advance(60)
        watch.end()

    for _ in range(1000):
        reconnect()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(9000):
        reconnect()
    bench.api.history.clear()
    gc.collect()
    assert len(gc.get_objects()) - before < 500
    assert len(bench.api.waiting) == 1
    assert len(bench.clock.getDelayedCalls()) <= 2

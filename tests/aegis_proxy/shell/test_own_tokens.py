"""An identity that moves from one provider to another, in virtual time."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from twisted.internet.task import Clock

from aegis_api.hosts import host_pattern
from aegis_api.identity import Identity
from aegis_api.metadata import Metadata
from aegis_api.names import Subject
from aegis_api.provider import IdentityProvider, ProviderSpec
from aegis_api.reading import Node
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_proxy.core.knowledge import NOT_NAMED, Absent, Held, Invalid, Pending, Present, View
from aegis_proxy.shell.own_tokens import OwnTokens
from aegis_proxy.shell.plugins import Provider
from aegis_proxy.shell.pod_files import PodFiles
from aegis_proxy.shell.token_source import TokenSource
from support.proxy_log import ReadableLog
from support.scripted_provider import Lowest, ScriptedHttp, ScriptedPlugin
from support.tokens import NOW, claims, mint

ME, ANOTHER = Subject("shop", "identity01"), Subject("shop", "other")
LIFE = 1000


@define
class Plugins:
    """Stands for `plugins.Providers`: a plugin for each type, which the test answers for."""

    old: ScriptedPlugin = field(factory=ScriptedPlugin)
    new: ScriptedPlugin = field(factory=ScriptedPlugin)
    made: dict[str, Provider] = field(factory=dict)

    def get(self, spec: ProviderSpec) -> Provider:
        if spec.type == "nobody":
            raise Misconfigured("no plugin for the provider type nobody")
        plugin: Any = getattr(self, spec.type)
        return self.made.setdefault(spec.type, Provider(spec, plugin, None))


def provider(
    name: str, audience: str = "aegis", *, per_destination: bool = False, principals: Mapping[str, Subject] = {}
) -> Present[IdentityProvider]:
    return Present(
        IdentityProvider(Metadata(name, "shop"), ProviderSpec(name, audience, per_destination), dict(principals))
    )


OLD, NEW, OTHER_NEW = provider("old"), provider("new"), provider("new", "new-mesh")
OLD_EACH, NEW_EACH = (provider(name, per_destination=True) for name in ("old", "new"))


def view(
    own: Held[Any], name: str = "", account: str = "identity01", hosts: tuple[str, ...] = (), **metadata: str
) -> View:
    """What the proxy sees of an Identity with the provider `own`."""
    patterns = tuple(host_pattern(Node(host)) for host in hosts)
    named = name or (own.resource.metadata.name if isinstance(own, Present) else "")
    identity = Identity(Metadata("me", "shop"), named, account, patterns, metadata)
    return View((), Present(identity), {}, own, frozenset())


@define
class Bench:
    clock: Clock
    log: ReadableLog
    folder: Path
    plugins: Plugins = field(factory=Plugins)
    arrivals: int = 0
    own: OwnTokens = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.clock.advance(NOW)
        plugins: Any = self.plugins
        self.own = OwnTokens(self._source, plugins, lambda _: "", self.clock)

    def _source(self) -> TokenSource:
        files, http = PodFiles(None, self.folder), ScriptedHttp()
        log, counters = self.log.log, Counter[tuple[str, str]]()
        return TokenSource(files, http, self.clock, self.clock.seconds, log, Lowest(), counters, self._arrived)

    def _arrived(self) -> None:
        self.arrivals += 1

    def token(self, audience: str = "aegis", jti: str = "1") -> bytes:
        now = int(self.clock.seconds())
        payload = claims(aud=audience, iat=now, nbf=now, exp=now + LIFE, jti=jti)
        return mint(payload=payload, signature=b"s" * 64)

    def sent(self, audience: str = "aegis") -> bytes | None:
        return self.own.tokens.cached(audience)

    def at_home(self, own: Present[IdentityProvider] = OLD, audience: str = "aegis", **kept: Any) -> bytes:
        """The identity has its token of the provider `old`."""
        assert self.own.follow(view(own, **kept)) is None
        token = self.token(audience, "old")
        self.plugins.old.answer(token)
        assert self.sent(audience) == token
        return token


@pytest.fixture
def bench(clock: Clock, readable_log: ReadableLog, tmp_path: Path) -> Bench:
    return Bench(clock, readable_log, tmp_path)


def test_the_old_token_goes_out_until_there_is_a_new_one(bench: Bench) -> None:
    """Then no old one goes out any more, and none is renewed."""
    old = bench.at_home()
    assert bench.own.follow(view(NEW)) == OLD.resource.spec
    assert (bench.sent(), bench.own.leaving) == (old, "old")
    new = bench.token(jti="new")
    bench.plugins.new.answer(new)
    assert (bench.arrivals, bench.sent()) == (2, old)
    assert bench.own.follow(view(NEW)) is None
    assert (bench.sent(), bench.own.leaving) == (new, "")
    bench.clock.advance(LIFE * 0.9)
    assert (bench.plugins.old.asked, len(bench.plugins.new.asked)) == ([], 1)


def test_another_audience_counts_with_the_first_token_for_it(bench: Bench) -> None:
    """Whoever is called expects the audience of the provider whose token comes."""
    old = bench.at_home()
    assert bench.own.follow(view(OTHER_NEW)) == OLD.resource.spec
    assert bench.sent() == old
    bench.plugins.new.answer(bench.token("new-mesh"))
    assert bench.own.follow(view(OTHER_NEW)) is None
    assert (bench.sent(), bench.sent("new-mesh")) == (None, bench.token("new-mesh"))


@pytest.mark.parametrize("own", [Pending(), Absent("may not be read"), Invalid("cannot be read"), provider("nobody")])
def test_a_provider_that_cannot_be_used_yet_is_waited_for(bench: Bench, own: Held[Any]) -> None:
    """The right to read it comes after the Identity has changed. The old one serves as long as its token does."""
    old = bench.at_home()
    assert bench.own.follow(view(own, "new")) == OLD.resource.spec
    assert bench.sent() == old
    bench.clock.advance(LIFE)
    bench.plugins.old.fail(Refused("removed"))
    assert bench.own.follow(view(own, "new")) is None
    assert bench.sent() is None


def test_the_provider_of_the_identity_may_go(bench: Bench) -> None:
    """That is no move: nothing of it goes out any more."""
    bench.at_home()
    assert bench.own.follow(view(Absent(), "old")) is None
    assert (bench.sent(), bench.own.leaving) == (None, "")


def test_another_subject_has_other_tokens(bench: Bench) -> None:
    """Also if it moves in the same moment; and one that is no longer there has none."""
    bench.at_home()
    assert bench.own.follow(view(NEW, account="other")) is None
    assert bench.sent() is None
    bench.plugins.new.asked.clear()
    assert bench.own.follow(View((), NOT_NAMED, {}, NOT_NAMED, frozenset())) is None
    assert bench.sent() is None
    assert bench.own.follow(view(Pending(), "old")) is None


def test_a_new_provider_that_refuses_changes_nothing(bench: Bench) -> None:
    """Until the old token ends: then it is the new one's words that are shown."""
    old = bench.at_home()
    bench.own.follow(view(NEW))
    bench.plugins.new.fail(Refused("unknown role"))
    assert bench.own.follow(view(NEW)) == OLD.resource.spec
    assert bench.sent() == old
    bench.clock.advance(LIFE)
    bench.plugins.old.fail(Unavailable("gone"))
    assert bench.own.follow(view(NEW)) is None
    assert bench.own.had_first
    assert bench.own.tokens.describe()[0]["problem"] == "unknown role"


def test_the_old_one_is_renewed_while_the_new_one_is_not_there(bench: Bench) -> None:
    """A move that takes long costs nobody a token."""
    bench.at_home()
    bench.own.follow(view(NEW))
    bench.clock.advance(LIFE * 0.9)
    renewed = bench.token(jti="renewed")
    bench.plugins.old.answer(renewed)
    assert bench.own.follow(view(NEW)) == OLD.resource.spec
    assert bench.sent() == renewed


def test_a_move_may_be_taken_back(bench: Bench) -> None:
    """What was prepared is given up, and the tokens are what they were."""
    old = bench.at_home()
    bench.own.follow(view(NEW))
    assert bench.own.follow(view(OLD)) is None
    assert (bench.sent(), bench.plugins.new.cancelled) == (old, 1)
    bench.own.follow(view(NEW))
    assert len(bench.plugins.new.asked) == 2


def test_an_id_that_callees_do_not_know_yet_is_waited_for(bench: Bench) -> None:
    """Its token would be refused; when it is listed, others hear of it in some seconds."""
    old = bench.at_home(principal="old-id")
    bench.plugins.new.principal = "new-id"
    bench.own.follow(view(NEW, principal="old-id"))
    bench.plugins.new.answer(bench.token(jti="early"))
    assert bench.own.follow(view(NEW, principal="new-id")) == OLD.resource.spec
    new = bench.token(jti="new")
    bench.plugins.new.answer(new)
    assert bench.own.follow(view(NEW, principal="new-id")) == OLD.resource.spec
    assert bench.sent() == old
    strange = provider("new", principals={"new-id": ANOTHER})
    assert bench.own.follow(view(strange, principal="new-id")) == OLD.resource.spec
    listed = view(provider("new", principals={"new-id": ME}), principal="new-id")
    assert bench.own.follow(listed) == OLD.resource.spec
    bench.clock.advance(4.9)
    assert bench.own.follow(listed) == OLD.resource.spec
    assert bench.sent() == old
    bench.clock.advance(0.2)
    assert bench.own.follow(listed) is None
    assert bench.sent() == new


def test_tokens_that_say_whose_they_are_need_no_list(bench: Bench) -> None:
    """The status may hold the id of the provider before, which the new one has never heard of."""
    bench.plugins.old.principal = "old-id"
    bench.at_home(principal="old-id")
    bench.own.follow(view(NEW, principal="old-id"))
    new = bench.token(jti="new")
    bench.plugins.new.answer(new)
    assert bench.own.follow(view(NEW, principal="old-id")) is None
    assert bench.sent() == new


def test_with_tokens_per_destination_the_one_in_use_is_waited_for(bench: Bench) -> None:
    """Where no exact host says which is the first."""
    hosts = ("orders.shop.svc", "*.svc")
    old = bench.at_home(OLD_EACH, "orders.shop.svc", hosts=hosts)
    assert bench.own.follow(view(NEW_EACH, hosts=("*.svc",))) == OLD_EACH.resource.spec
    assert bench.sent("orders.shop.svc") == old
    assert [request.audience for request, _ in bench.plugins.new.asked] == ["orders.shop.svc"]
    new = bench.token("orders.shop.svc", "new")
    bench.plugins.new.answer(new)
    assert bench.own.follow(view(NEW_EACH, hosts=("*.svc",))) is None
    assert bench.sent("orders.shop.svc") == new
    assert bench.own.tokens.pinned == ""


def test_where_no_audience_is_known_the_move_is_at_once(bench: Bench) -> None:
    """From one audience to those of destinations that nobody knows yet: each is asked for by its first request."""
    bench.at_home()
    assert bench.own.follow(view(NEW_EACH, hosts=("*.svc",))) is None
    assert bench.sent() is None


def test_who_waits_at_the_old_one_gets_what_is_under_way(bench: Bench) -> None:
    """A move refuses nobody; after the end nobody waits."""
    bench.at_home()
    got: list[Any] = []
    for audience in ("slow", "never"):
        bench.own.tokens.fetch(audience).addBoth(got.append)
    bench.own.follow(view(NEW))
    bench.plugins.new.answer(bench.token(jti="new"))
    assert bench.own.follow(view(NEW)) is None
    bench.plugins.old.answer(bench.token("slow"))
    assert got == [bench.token("slow")]
    bench.own.stop()
    assert len(got) == 2
    assert [call for call in bench.clock.getDelayedCalls() if "Log" not in str(call)] == []

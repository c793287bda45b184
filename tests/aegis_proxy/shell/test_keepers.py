import json
from collections import Counter
from collections.abc import Mapping

import pytest
from attrs import define, field
from twisted.internet.task import Clock

from aegis_api.metadata import Metadata
from aegis_api.provider import AnyProvider, IdentityProvider, ProviderSpec
from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.http import Response
from aegis_proxy.core.acceptance import Trusted, Untrusted
from aegis_proxy.core.knowledge import Absent, Held, Pending, Present
from aegis_proxy.shell.keepers import Keepers
from aegis_proxy.shell.keysets import TrustKeeper
from aegis_proxy.shell.plugins import Provider, Providers
from support.proxy_log import ReadableLog
from support.scripted_provider import Lowest, ScriptedHttp
from support.tokens import signing_key

KEYS = {"keys": [signing_key().jwk()]}


def spec(name: str, **config: object) -> ProviderSpec:
    return ProviderSpec("oidc", "aegis", config={"issuer": f"https://{name}.example", **config})


def there(name: str, **config: object) -> Present[AnyProvider]:
    """A provider whose keys have to be fetched from an address that is known."""
    config = config or {"jwksUri": f"https://{name}.example/jwks"}
    return Present(IdentityProvider(Metadata(name, "shop"), spec(name, **config)))


OLD, NEW = there("old"), there("new")


@define
class Bench:
    clock: Clock
    log: ReadableLog
    http: ScriptedHttp = field(factory=ScriptedHttp)
    keepers: Keepers = field(init=False)
    made: list[TrustKeeper] = field(factory=list)
    changes: int = 0

    def __attrs_post_init__(self) -> None:
        self.keepers = Keepers(Providers(), self._make)

    def _make(self, provider: Provider) -> TrustKeeper:
        keeper = TrustKeeper(provider, self.http, self.clock, self.log.log, Lowest(), Counter(), self._changed)
        self.made.append(keeper)
        return keeper

    def _changed(self) -> None:
        self.changes += 1

    def follow(self, **accepted: Held[AnyProvider]) -> Mapping[str, Trusted | Untrusted]:
        return self.keepers.follow(accepted)

    def issuers(self, **accepted: Held[AnyProvider]) -> dict[str, str]:
        return {
            name: known.trust.issuer for name, known in self.follow(**accepted).items() if isinstance(known, Trusted)
        }


@pytest.fixture
def bench(clock: Clock, readable_log: ReadableLog) -> Bench:
    return Bench(clock, readable_log)


def test_each_provider_has_its_own_keys(bench: Bench) -> None:
    """Fetched beside each other; none waits for another."""
    assert bench.issuers(old=OLD, new=NEW) == {}
    assert [url for url, _ in bench.http.asked] == ["https://old.example/jwks", "https://new.example/jwks"]
    bench.http.asked.reverse()
    bench.http.answer(KEYS)
    assert bench.issuers(old=OLD, new=NEW) == {"new": "https://new.example"}
    bench.http.answer(KEYS)
    assert bench.issuers(old=OLD, new=NEW) == {"old": "https://old.example", "new": "https://new.example"}
    assert bench.changes == 2


def test_one_that_is_no_longer_accepted_is_asked_no_more(bench: Bench) -> None:
    """The other goes on as it was."""
    bench.follow(old=OLD, new=NEW)
    for _ in range(2):
        bench.http.answer(KEYS)
    before = bench.follow(old=OLD, new=NEW)
    after = bench.follow(new=NEW)
    assert list(after) == ["new"]
    assert after["new"] is before["new"]
    bench.clock.advance(300)
    assert [url for url, _ in bench.http.asked] == ["https://new.example/jwks"]


def test_another_config_starts_from_nothing(bench: Bench) -> None:
    """The keys of before were another provider's."""
    bench.follow(old=OLD)
    bench.http.answer(KEYS)
    moved = there("old", jwksUri="https://old.example/moved")
    assert isinstance(bench.follow(old=moved)["old"], Untrusted)
    assert [url for url, _ in bench.http.asked] == ["https://old.example/moved"]


def test_a_plugin_that_cannot_be_had_says_why(bench: Bench) -> None:
    """And asks nobody; what is not there is not among the answers."""
    nobody: Present[AnyProvider] = Present(
        IdentityProvider(Metadata("old", "shop"), ProviderSpec("nobody", "aegis", config={}))
    )
    known = bench.follow(old=nobody, gone=Absent())
    assert list(known) == ["old"]
    assert "no plugin for the provider type nobody" in str(known["old"])
    assert (bench.made, bench.keepers.undecided) == ([], False)


def test_until_each_was_asked_it_is_undecided(bench: Bench) -> None:
    """A provider that failed is decided; one that was not received, or not asked to the end, is not."""

    def undecided(**accepted: Held[AnyProvider]) -> bool:
        bench.follow(**accepted)
        return bench.keepers.undecided

    assert bench.keepers.undecided
    assert undecided(old=OLD, new=NEW)
    bench.http.answer(KEYS)
    assert undecided(old=OLD, new=NEW)
    bench.http.fail(Unavailable("down"))
    assert not undecided(old=OLD, new=NEW)
    assert dict(bench.keepers.problems()) == {"new": "down"}
    assert undecided(old=OLD, new=NEW, third=Pending())
    assert not undecided(old=OLD, new=NEW, third=Absent())


def test_a_key_is_looked_for_at_its_issuer(bench: Bench) -> None:
    """And nowhere else: a kid of the one is no reason to ask the other."""
    bench.follow(old=OLD, new=NEW)
    for _ in range(2):
        bench.http.answer(KEYS)
    assert bench.keepers.refetch("https://stranger.example", "k9") is None
    assert bench.keepers.refetch("https://new.example", "k9") is not None
    assert [url for url, _ in bench.http.asked] == ["https://new.example/jwks"]
    bench.follow(old=OLD, twin=OLD)
    bench.http.asked.pop()[1].callback(Response(200, {}, json.dumps(KEYS).encode()))
    assert bench.keepers.refetch("https://old.example", "k9") is None


def test_the_issuer_of_the_pod_s_own_provider_may_be_known(bench: Bench) -> None:
    """It is, where its callers' tokens are of the same one."""
    providers = Providers()
    keepers = Keepers(providers, bench._make)
    keepers.follow({"old": OLD})
    assert keepers.issuer_of(providers.get(OLD.resource.spec)) == ""
    bench.http.answer(KEYS)
    assert keepers.issuer_of(providers.get(OLD.resource.spec)) == "https://old.example"
    assert keepers.issuer_of(providers.get(NEW.resource.spec)) == ""


def test_the_oldest_keys_count(bench: Bench) -> None:
    """Until there are any, there is no age; after the end nobody is asked."""
    assert bench.keepers.oldest() == 0
    bench.follow(old=OLD, new=NEW)
    bench.http.answer(KEYS)
    bench.clock.advance(20)
    bench.http.fail(Misconfigured("refused"))
    assert bench.keepers.oldest() == 20
    bench.keepers.stop()
    bench.clock.advance(3600)
    assert bench.http.asked == []

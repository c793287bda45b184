"""From resources to snapshots: files in virtual time, and the embedded API server in real time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import define, evolve, field
from twisted.internet.task import Clock

from aegis_api.resources import API_VERSION
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.core.tokens import verify
from aegis_proxy.settings import HostPort, Settings
from aegis_proxy.shell.control import Control
from aegis_proxy.shell.token_source import TokenUnavailable
from support.listings import policy
from support.on_reactor import on_reactor, reactor
from support.proxy_log import ReadableLog
from support.raw_server import answer, raw_server, until
from support.scripted_provider import Lowest
from support.tokens import NOW, claims, key_set, mint, signing_key

ISSUER = "https://issuer.example"
JWKS = {"keys": [signing_key().jwk()]}
GOOD = mint(payload=claims(iss=ISSUER))


def provider(name: str = "corp", *, per_destination: bool = False, **config: Any) -> dict[str, Any]:
    spec = {
        "type": "oidc",
        "audience": "aegis",
        "audiencePerDestination": per_destination,
        "config": {"issuer": ISSUER, "jwks": JWKS, **config},
    }
    return {"apiVersion": API_VERSION, "kind": "IdentityProvider", "metadata": {"name": name}, "spec": spec}


def kubernetes(name: str = "cluster", *, per_destination: bool = False) -> dict[str, Any]:
    """A provider that gives out the mounted ServiceAccount token."""
    spec = {"type": "kubernetes", "audience": "aegis", "audiencePerDestination": per_destination, "config": {}}
    return {"apiVersion": API_VERSION, "kind": "IdentityProvider", "metadata": {"name": name}, "spec": spec}


def identity(provider_name: str = "corp", *hosts: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"provider": provider_name, "serviceAccountName": "identity01"}
    egress = {"egress": {"hosts": list(hosts)}} if hosts else {}
    return {"apiVersion": API_VERSION, "kind": "Identity", "metadata": {"name": "me"}, "spec": {**spec, **egress}}


@define
class Bench:
    """A control side on files, with a clock of its own."""

    clock: Clock
    log: ReadableLog
    folder: Path
    settings: Settings = field(init=False)
    swaps: list[int] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.clock.advance(NOW)
        self.settings = Settings(
            "shop", resources=self.folder / "mesh.yaml", policies=("orders",), providers=("corp",), egress_listen=None
        )

    def put(self, *documents: object) -> None:
        fresh = self.folder / "fresh"
        fresh.write_text(yaml.safe_dump_all(documents, default_flow_style=False))
        fresh.replace(self.folder / "mesh.yaml")

    def control(self, **changes: Any) -> Control:
        settings = evolve(self.settings, **changes)
        control = Control(settings, self.clock, self.log.log, wall=self.clock.seconds, random=Lowest())
        control.on_swap(lambda snapshot: self.swaps.append(snapshot.generation))
        control.start()
        return control

    def two_seconds(self) -> None:
        for _ in range(20):
            self.clock.advance(0.1)


@pytest.fixture
def bench(clock: Clock, readable_log: ReadableLog, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(clock, readable_log, tmp_path)
    bench.put(policy(1, path="/a"), provider())
    yield bench
    assert [event for event in readable_log.events() if event["event"] == "unhandled error"] == []


def rules(snapshot: Snapshot) -> list[str]:
    """Which of two paths a good caller may GET."""
    caller = verify(GOOD, snapshot.authorities, NOW)
    return [path for path in ("/a", "/b") if snapshot.rules.for_caller(caller, b"GET", path.encode())]


def test_files_are_in_force_at_once(bench: Bench) -> None:
    """Policy, provider and inline keys: ready."""
    control = bench.control()
    assert (control.snapshot.closed, control.missing()) == ("", ())
    assert rules(control.snapshot) == ["/a"]
    assert control.tokens is None


def test_an_edit_is_in_force_within_two_seconds(bench: Bench) -> None:
    """As one whole snapshot; whoever asked to hear of it does."""
    control = bench.control()
    before = control.snapshot
    bench.put(policy(1, path="/b"), provider())
    bench.two_seconds()
    assert rules(control.snapshot) == ["/b"]
    assert rules(before) == ["/a"]
    assert control.snapshot.authorities is before.authorities
    assert bench.swaps == [1, 2]


def test_k11_a_policy_that_is_removed_denies(bench: Bench) -> None:
    """And the pod is not ready."""
    control = bench.control()
    bench.put(provider())
    bench.two_seconds()
    assert rules(control.snapshot) == []
    assert control.missing() == ("policy",)
    assert control.describe()["policies"] == [
        {"name": "orders", "in_force": False, "problem": "is not in the resources"}
    ]


def test_a_set_that_does_not_parse_is_said_everywhere(bench: Bench) -> None:
    """In /snapshot too; the last good one is enforced."""
    control = bench.control()
    (bench.folder / "mesh.yaml").write_text("{")
    bench.two_seconds()
    assert rules(control.snapshot) == ["/a"]
    source: Any = control.describe()["source"]
    assert "got no YAML" in source["problem"]


def test_before_the_first_good_set_all_is_closed(bench: Bench) -> None:
    """It opens when there is one."""
    bench.put("nonsense")
    control = bench.control()
    assert "cannot be read" in control.snapshot.closed
    assert control.missing() == ("policy", "keys")
    bench.put(policy(1), provider())
    bench.two_seconds()
    assert (control.snapshot.closed, control.missing()) == ("", ())


def test_a_provider_that_is_changed_starts_from_nothing(bench: Bench) -> None:
    """Tokens of the old issuer are good no more."""
    control = bench.control()
    bench.put(policy(1), provider(issuer="https://other.example"))
    bench.two_seconds()
    assert list(control.snapshot.authorities) == ["https://other.example"]


def test_only_the_audience_changes(bench: Bench) -> None:
    """The keys stay, the tokens are judged anew."""
    control = bench.control()
    before = control.snapshot.authorities[ISSUER]
    changed = provider()
    changed["spec"]["audience"] = "other"
    bench.put(policy(1), changed)
    bench.two_seconds()
    after = control.snapshot.authorities[ISSUER]
    assert after.keys is before.keys
    assert after.audiences.fixed == {"other"}


def test_a_provider_that_is_removed_closes(bench: Bench) -> None:
    """Nobody can say whose tokens are good."""
    control = bench.control()
    bench.put(policy(1))
    bench.two_seconds()
    assert "is not in the resources" in control.snapshot.closed
    assert control.missing() == ("keys",)
    assert control.refetch_keys(ISSUER, "k9") is None


def test_a_plugin_that_is_not_installed_closes(bench: Bench) -> None:
    """It says which are."""
    bad = provider()
    bad["spec"]["type"] = "nobody"
    bench.put(policy(1), bad)
    control = bench.control()
    assert "no plugin for the provider type nobody" in control.snapshot.closed


def test_a_pod_without_a_provider_has_no_keys_to_wait_for(bench: Bench) -> None:
    """Its policy may let anyone in."""
    control = bench.control(providers=())
    assert (control.missing(), control.snapshot.closed) == ((), "")


def test_a_pod_without_ingress_is_ready_without_policy(bench: Bench) -> None:
    """And with nothing to ask."""
    assert bench.control(ingress_listen=None).missing() == ()


def put_token(bench: Bench, audience: str = "aegis", file: str = "token") -> bytes:
    payload = claims(aud=audience, exp=int(bench.clock.seconds()) + 3600, iat=int(bench.clock.seconds()))
    token = mint(payload=payload)
    (bench.folder / file).write_bytes(token)
    return token


def assuming(bench: Bench, **changes: Any) -> Control:
    return bench.control(
        identity="me",
        providers=(),
        ingress_listen=None,
        egress_listen=HostPort("127.0.0.1", 0),
        token_file=bench.folder / "token",
        **changes,
    )


def test_an_identity_has_its_token_before_it_is_ready(bench: Bench) -> None:
    """It is fetched without a request; the provider may be another one than that of the callers."""
    bench.put(kubernetes(), identity("cluster"))
    control = assuming(bench)
    assert control.tokens is not None
    assert control.missing() == ("token",)
    token = put_token(bench)
    for _ in range(20):
        bench.two_seconds()
    assert control.missing() == ()
    assert control.tokens.cached("aegis") == token
    assert token.decode() not in bench.log.text() + json.dumps(control.describe())


def test_with_audience_per_destination_the_first_host_is_fetched(bench: Bench) -> None:
    """Only if it is known beforehand."""
    put_token(bench)
    token = put_token(bench, "orders.shop.svc", "orders.shop.svc")
    bench.put(kubernetes(per_destination=True), identity("cluster", "*.svc", "orders.shop.svc"))
    control = assuming(bench)
    assert control.tokens is not None
    assert control.tokens.cached("orders.shop.svc") == token
    bench.put(kubernetes(per_destination=True), identity("cluster", "*.svc"))
    control = assuming(bench)
    assert control.missing() == ()


def test_an_identity_that_is_removed_sends_nothing_any_more(bench: Bench) -> None:
    """Its tokens are forgotten, and the reason is said."""
    put_token(bench)
    bench.put(kubernetes(), identity("cluster"))
    control = assuming(bench)
    assert control.tokens is not None
    assert control.tokens.cached("aegis") is not None
    bench.put(kubernetes())
    bench.two_seconds()
    assert control.tokens.cached("aegis") is None
    assert control.snapshot.no_token == "the Identity is not in the resources"
    errors: list[Any] = []
    control.tokens.fetch("aegis").addErrback(errors.append)
    assert errors[0].check(TokenUnavailable)


def test_an_identity_may_move_to_another_provider(bench: Bench) -> None:
    """Live; its tokens are those of the new one, and whose tokens are accepted follows it."""
    put_token(bench)
    bench.put(policy(1), kubernetes(), provider(), identity("corp"))
    control = bench.control(identity="me", providers=(), egress_listen=HostPort("127.0.0.1", 0))
    assert list(control.snapshot.authorities) == [ISSUER]
    bad = kubernetes("bad")
    bad["spec"]["type"] = "nobody"
    bench.put(policy(1), provider(), bad, identity("bad"))
    bench.two_seconds()
    assert "no plugin for the provider type nobody" in control.snapshot.closed
    errors: list[Any] = []
    assert control.tokens is not None
    control.tokens.fetch("aegis").addErrback(errors.append)
    assert "no plugin" in str(errors[0].value)


def test_a_token_of_another_issuer_is_not_used(bench: Bench) -> None:
    """Where the issuer of the provider is known."""
    bench.put(policy(1), provider(issuer="https://other.example"), identity("corp"))
    control = bench.control(identity="me", providers=(), egress_listen=HostPort("127.0.0.1", 0))
    assert control.tokens is not None
    binding = control.tokens._binding
    assert binding is not None
    assert binding.issuer() == "https://other.example"


def test_people_see_what_is_enforced(bench: Bench) -> None:
    """Plain JSON, without secrets."""
    control = bench.control()
    bench.clock.advance(3)
    shown = control.describe()
    assert (shown["generation"], shown["age_seconds"], shown["missing"]) == (1, 3.0, [])
    json.dumps(shown)
    gauges = control.gauges()
    assert (gauges["snapshot_generation"], gauges["snapshot_age_seconds"], gauges["source_silence_seconds"]) == (
        1,
        3,
        0,
    )


def test_k13_many_changes_are_taken_together(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand in a second are ten snapshots, and the last one is in force within 100 ms."""
    control = bench.control()
    times = 0
    update_once = control._update_once

    def counted() -> None:
        nonlocal times
        times += 1
        update_once()

    monkeypatch.setattr(control, "_update_once", counted)
    bench.clock.advance(0.2)
    for _ in range(1000):
        control._changed()
        bench.clock.advance(0.001)
    assert times <= 12
    bench.clock.advance(0.1)
    assert control._soon is None or not control._soon.active()


def test_k04_silence_closes_and_contact_opens(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """After --max-staleness, by the clock alone."""
    control = bench.control(max_staleness=60.0)
    silence = 61.0
    monkeypatch.setattr(control._source, "silence", lambda: silence)
    bench.two_seconds()
    assert control.snapshot.closed == ""
    for _ in range(2):
        bench.two_seconds()
    assert control.snapshot.closed == "nothing was heard of the API server for more than 60 s"
    assert control.missing() == ("policy",)
    silence = 0.0
    for _ in range(3):
        bench.two_seconds()
    assert (control.snapshot.closed, control.missing()) == ("", ())


def test_two_providers_are_accepted_at_a_time(bench: Bench) -> None:
    """Each for its issuer; one that goes is said, and takes nothing from the other."""
    other = "https://other.example"
    bench.put(policy(1), provider(), provider("other", issuer=other))
    control = bench.control(providers=("corp", "other"))
    assert sorted(control.snapshot.authorities) == [ISSUER, other]
    assert (control.missing(), control.usable_keys()) == ((), {"corp": 1, "other": 1})
    bench.put(policy(1), provider())
    bench.two_seconds()
    assert list(control.snapshot.authorities) == [ISSUER]
    assert control.snapshot.untrusted == "the provider other is not in the resources"
    assert (control.snapshot.closed, control.missing(), control.usable_keys()) == ("", (), {"corp": 1, "other": 0})


def test_readiness_waits_until_each_provider_was_asked(readable_log: ReadableLog, tmp_path: Path) -> None:
    """Over real sockets: a pod that comes up in a move serves both at once, or knows that one cannot be had."""

    async def main() -> None:
        async with raw_server() as server:
            remote = provider("other", issuer="https://other.example", jwksUri=f"http://127.0.0.1:{server.port}/jwks")
            del remote["spec"]["config"]["jwks"]
            (tmp_path / "mesh.yaml").write_text(yaml.safe_dump_all([policy(1), provider(), remote]))
            settings = Settings(
                "shop",
                resources=tmp_path / "mesh.yaml",
                policies=("orders",),
                providers=("corp", "other"),
                egress_listen=None,
            )
            control = Control(settings, reactor, readable_log.log)
            control.start()
            connection = await server.next()
            assert (control.missing(), list(control.snapshot.authorities)) == (("keys",), [ISSUER])
            assert control.snapshot.closed == ""
            connection.send(answer(b"", "500 Internal Server Error"))
            await until(lambda: control.missing() == ())
            assert "the provider other is not trusted yet" in control.snapshot.untrusted
            assert control.describe()["keys_problem"] is not None
            await control.stop()

    on_reactor(main())


def test_after_the_end_nothing_goes_on(bench: Bench) -> None:
    """No timer, no snapshot."""
    control = bench.control()
    control._changed()
    on_reactor(_awaited(control))
    generation = control.snapshot.generation
    bench.put(provider())
    bench.two_seconds()
    assert control.snapshot.generation == generation
    assert [call for call in bench.clock.getDelayedCalls() if "Log" not in str(call)] == []


async def _awaited(control: Control) -> None:
    await control.stop()


def test_j09_an_unknown_kid_waits_for_new_keys(readable_log: ReadableLog, tmp_path: Path) -> None:
    """Over real sockets: when it fires, the snapshot holds them."""

    async def main() -> None:
        async with raw_server() as server:
            remote = provider(jwksUri=f"http://127.0.0.1:{server.port}/jwks")
            del remote["spec"]["config"]["jwks"]
            (tmp_path / "mesh.yaml").write_text(yaml.safe_dump_all([policy(1), remote]))
            settings = Settings(
                "shop", resources=tmp_path / "mesh.yaml", policies=("orders",), providers=("corp",), egress_listen=None
            )
            control = Control(settings, reactor, readable_log.log)
            control.start()
            connection = await server.next()
            assert control.missing() == ("keys",)
            connection.send(answer(json.dumps(JWKS).encode()))
            await until(lambda: control.missing() == ())
            assert control.refetch_keys("https://stranger.example", "k2") is None
            waiting = control.refetch_keys(ISSUER, "k2")
            assert waiting is not None
            connection = await server.next()
            new = {"keys": [signing_key().jwk(), signing_key(kid="k2", number=1).jwk()]}
            connection.send(answer(json.dumps(new).encode()))
            await waiting
            assert sorted(control.snapshot.authorities[ISSUER].keys.by_kid) == ["k1", "k2"]
            await control.stop()

    on_reactor(main())


def test_keys_of_tests_are_usable() -> None:
    """What the other tests rest on."""
    assert not key_set(signing_key()).empty

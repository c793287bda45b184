"""The tick, in virtual time: what it looks at, when it asks a provider again, and what it leaves to the next one."""

import threading
from collections import Counter

from attrs import evolve

from aegis_idp.errors import Refused, Unavailable
from aegis_idp.values import ProvisionRequest
from aegis_reconcile.cluster import TryAgain
from aegis_reconcile.objects import (
    IDENTITY,
    SERVICE_ACCOUNT,
    Key,
)
from aegis_reconcile.schedule import PERIOD
from support.reconciling import Mesh


class TestMany:
    def mesh(self, count: int = 200) -> Mesh:
        mesh = Mesh(makes_objects=True)
        mesh.provider()
        mesh.settle()
        for number in range(count):
            mesh.identity(f"i-{number:03}")
        mesh.cluster.hints.clear()
        mesh.plugin.calls.clear()
        return mesh

    def count(self, mesh: Mesh, asked: Counter[str], failure: Exception | None = None) -> None:
        """Counts from now on what the provider is asked about, by name."""
        original = mesh.plugin.provision

        async def counted(settings: object, request: ProvisionRequest, http: object) -> object:
            asked[request.subject.name] += 1
            if failure:
                raise failure
            return await original(settings, request, http)  # type: ignore[arg-type]  # passed on as it came

        mesh.plugin.provision = counted  # type: ignore[method-assign,assignment]  # counts for this test

    def test_a_thousand_identities_are_ready_after_one_tick(self) -> None:
        """Each is asked for once at its provider, four at a time, with a bounded number of calls to the API server."""
        count = 1000
        mesh = self.mesh(count)
        lock, at_work, most = threading.Lock(), [0], [0]
        original = mesh.plugin.provision

        async def counted(settings: object, request: ProvisionRequest, http: object) -> object:
            with lock:
                at_work[0] += 1
                most[0] = max(most[0], at_work[0])
            try:
                return await original(settings, request, http)  # type: ignore[arg-type]  # passed on as it came
            finally:
                with lock:
                    at_work[0] -= 1

        mesh.plugin.provision = counted  # type: ignore[method-assign,assignment]  # counts for this test
        calls: Counter[str] = Counter()
        mesh.cluster.before = lambda method, _: calls.update([method])
        assert mesh.tick() is None
        assert most[0] <= 4
        assert mesh.plugin.calls.count("provision") == count
        assert len(mesh.plugin.objects) == count
        keys = [key for key in mesh.cluster.objects if key.resource == IDENTITY]
        assert {mesh.cluster.condition(key, "Ready") for key in keys} == {("True", "Ready")}
        # Read, account, mark, a fresh look at the provider, status and its Event: 7 each, and some for all.
        assert calls.total() <= 8 * count + 50
        calls.clear()
        mesh.tick()
        assert mesh.plugin.calls.count("provision") == count, "who was asked about just now is not asked about again"
        assert calls.total() <= 50, "who is at rest costs no call"

    def test_what_there_is_no_time_for_is_done_by_the_next_ticks(self) -> None:
        """Nothing is begun when the time of a request is over; the next ones go on with what is left."""
        mesh = self.mesh()
        ticks = 0
        now = [0.0]

        def clock() -> float:
            now[0] += 1
            return now[0]

        mesh.reconciler = evolve(mesh.reconciler, clock=clock, budget=80.0)
        while len(mesh.plugin.objects) < 200:
            before = len(mesh.plugin.objects)
            assert mesh.tick() is None
            assert before < len(mesh.plugin.objects) <= before + 80
            ticks += 1
        assert ticks == 3
        mesh.wait(PERIOD)
        asked: Counter[str] = Counter()
        self.count(mesh, asked)
        for _ in range(3):
            mesh.tick()
        assert len(asked) == 200, "those that were asked about longest ago come first"
        assert set(asked.values()) == {1}

    def test_those_in_trouble_are_all_tried_though_there_is_time_for_some_only(self) -> None:
        """Refused for good each, they come in another order each time, and behind those that nobody has looked at."""
        mesh = self.mesh(20)
        mesh.plugin.failure = Refused("no")
        mesh.tick()
        mesh.plugin.failure = None
        asked: Counter[str] = Counter()
        self.count(mesh, asked, Refused("still no"))
        now = [0.0]

        def clock() -> float:
            now[0] += 1
            return now[0]

        mesh.reconciler = evolve(mesh.reconciler, clock=clock, budget=16.0)
        new = [mesh.identity(f"new-{number}") for number in range(3)]
        for minute in range(20):
            mesh.wait(60)
            mesh.tick()
            if minute == 0:
                assert {key.name for key in new} <= asked.keys()
        assert len(asked) == 23

    def test_load_is_spread_over_a_period_and_no_identity_is_left_out(self) -> None:
        """Many that were made in one minute are asked about once in each period, some in each tick."""
        count = 60
        mesh = self.mesh(count)
        mesh.tick()
        asked: Counter[str] = Counter()
        self.count(mesh, asked)
        loads = []
        for _ in range(PERIOD // 60):
            mesh.wait(60)
            before = asked.total()
            mesh.tick()
            loads.append(asked.total() - before)
        assert len(asked) == count
        assert set(asked.values()) == {1}
        assert 0 < max(loads) < count / 2

    def test_lost_ticks_are_made_up_for(self) -> None:
        """After an outage of the source of ticks, the first one asks about all, once."""
        mesh = self.mesh(50)
        mesh.tick()
        asked: Counter[str] = Counter()
        self.count(mesh, asked)
        mesh.wait(3 * PERIOD)
        mesh.tick()
        assert len(asked) == 50
        mesh.tick()
        assert set(asked.values()) == {1}

    def test_drift_is_repaired_within_a_period_and_a_tick(self) -> None:
        """The bound that docs/provisioning.md gives, for each of many."""
        mesh = self.mesh(40)
        mesh.tick()
        mesh.wait(60 * 7)
        mesh.tick()
        mesh.plugin.objects.clear()
        for _ in range(PERIOD // 60):
            mesh.wait(60)
            mesh.tick()
        assert len(mesh.plugin.objects) == 40

    def test_changed_provider_whose_event_was_lost_is_noticed_by_the_next_ticks(self) -> None:
        """Settings that nobody was told of reach all of its identities, though a tick has no time for all of them."""
        mesh = self.mesh(50)
        mesh.tick()
        mesh.provider(config={"issuer": "https://new.test"})
        mesh.cluster.hints.clear()
        asked: Counter[str] = Counter()
        self.count(mesh, asked)
        now = [0.0]

        def clock() -> float:
            now[0] += 1
            return now[0]

        mesh.reconciler = evolve(mesh.reconciler, clock=clock, budget=31.0)
        mesh.wait(1)
        mesh.tick()
        assert 0 < len(asked) < 50
        mesh.wait(1)
        mesh.tick()
        assert len(asked) == 50
        assert set(asked.values()) == {1}

    def test_what_the_cluster_lost_is_made_again_by_the_next_tick(self) -> None:
        """Drift that the API server shows need not wait for the period: a ServiceAccount that somebody deleted."""
        mesh = self.mesh(2)
        mesh.tick()
        account = Key(SERVICE_ACCOUNT, "shop", "i-001")
        mesh.cluster.remove(account)
        mesh.tick()
        assert account in mesh.cluster.objects

    def test_an_api_server_that_fails_in_between_stops_one_look_alone(self) -> None:
        """What cannot be read for an Identity is trouble of that one: the others are looked at."""
        mesh = self.mesh(3)
        mesh.tick()
        mesh.cluster.remove(Key(SERVICE_ACCOUNT, "shop", "i-002"))

        def fails(method: str, about: Key) -> None:
            if method == "list" and about.resource == SERVICE_ACCOUNT:
                mesh.cluster.before = lambda *_: None
                raise TryAgain("timeout")

        mesh.cluster.before = fails
        assert mesh.tick() is None
        assert Key(SERVICE_ACCOUNT, "shop", "i-002") in mesh.cluster.objects

    def test_identity_that_nobody_can_read_is_told_once(self) -> None:
        """It is looked at in each tick, for it is not as it should be, and its status is written once."""
        mesh = Mesh()
        key = mesh.cluster.put(IDENTITY, "odd", "shop", spec={"provider": 1})
        mesh.tick()
        assert mesh.cluster.condition(key, "Ready") == ("False", "SpecInvalid")
        before = list(mesh.cluster.writes)
        mesh.tick()
        assert mesh.cluster.writes == before

    def test_provider_that_does_not_answer_is_asked_a_few_times_a_tick(self) -> None:
        """A provider that is down while a thousand wait for it is not called a thousand times."""
        mesh = self.mesh()
        original = mesh.plugin.trust
        mesh.plugin.failure = Unavailable("down")

        async def up(settings: object, http: object) -> object:
            mesh.plugin.failure = None
            try:
                return await original(settings, http)  # type: ignore[arg-type]  # passed on as it came
            finally:
                mesh.plugin.failure = Unavailable("down")

        mesh.plugin.trust = up  # type: ignore[method-assign,assignment]  # its issuer answers, its API does not
        assert mesh.tick() is None
        assert mesh.plugin.calls.count("provision") <= 6
        mesh.plugin.failure = None
        mesh.plugin.trust = original  # type: ignore[method-assign]  # as it was
        mesh.tick()
        assert len(mesh.plugin.objects) == 200

    def test_events_that_come_many_times_at_once_are_worked_on_once(self) -> None:
        """Fifty deliveries of one event, side by side, make one object by one call."""
        mesh = self.mesh()
        key = Key(IDENTITY, "shop", "i-000")
        start = threading.Barrier(50)

        def deliver() -> None:
            start.wait(10)
            mesh.tell(key)

        threads = [threading.Thread(target=deliver) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert mesh.plugin.calls == ["provision"]
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")

"""From work to a converged cluster, on a cluster and a provider in memory."""

import pytest
from attrs import evolve

from aegis_idp.errors import Unavailable
from aegis_reconcile.cluster import Conflict, Rejected, TryAgain
from aegis_reconcile.events import OneObject
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    IDENTITY,
    Key,
)
from aegis_reconcile.reconciler import Shared
from support.reconciling import Mesh

WIDE = Key(CLUSTER_IDENTITY_PROVIDER, "", "wide")


class TestEvents:
    def test_own_writes_come_back_and_stop(self) -> None:
        """The events of the function's own status writes end, and a tick over a settled mesh writes nothing."""
        mesh = Mesh(makes_objects=True)
        mesh.provider()
        mesh.cluster_provider(namespaceSelector={})
        mesh.identity()
        mesh.identity("two", provider="wide")
        mesh.identity("bad", provider="nowhere")
        mesh.policy()
        mesh.pod(identity="cart", policies=["policy"])
        mesh.settle()
        before = list(mesh.cluster.writes)
        assert mesh.tick() is None
        assert mesh.cluster.writes == before
        mesh.time = "2027-01-01T00:00:00Z"
        assert mesh.tick() is None
        checked = [key for method, key in mesh.cluster.writes[len(before) :] if method == "apply_status"]
        assert sorted(key.name for key in checked) == ["cart", "two"]
        before = list(mesh.cluster.writes)
        for key in list(mesh.cluster.objects):
            if key.resource.kind in ("Identity", "IdentityProvider", "ClusterIdentityProvider", "IngressPolicy", "Pod"):
                assert mesh.tell(key) is None
        assert mesh.cluster.writes == before

    def test_error_with_a_new_text_each_time_is_no_loop(self) -> None:
        """Providers put times and ids into their errors: only the tick refreshes the text."""
        mesh = Mesh()
        key = mesh.provider()
        count = iter(range(1000))

        class EachTimeNew(Unavailable):
            def __str__(self) -> str:
                return f"trace {next(count)}"

        mesh.plugin.failure = EachTimeNew("")
        mesh.settle(limit=10)
        told = mesh.cluster.status(key)["conditions"][0]["message"]
        mesh.tick()
        assert mesh.cluster.status(key)["conditions"][0]["message"] != told
        mesh.settle(limit=10)

    def test_duplicates_and_old_events_change_nothing(self) -> None:
        """Events may come twice, late and for what is gone."""
        mesh = Mesh()
        mesh.provider()
        key = mesh.identity()
        mesh.settle()
        before = list(mesh.cluster.writes)
        mesh.tell(key)
        mesh.tell(key)
        assert mesh.cluster.writes == before
        policy = mesh.policy()
        mesh.cluster.remove(key)
        mesh.cluster.remove(policy)
        mesh.settle()
        assert mesh.tell(key) is None

    def test_r01_conflict_is_read_again_and_retried(self) -> None:
        """R01: somebody changes the object between our read and our write: their change stays, and ours follows."""
        mesh = Mesh()
        mesh.provider()
        mesh.settle()
        key = mesh.identity()
        changes = iter([{"serviceAccountName": "basket"}])

        def meddle(method: str, about: Key) -> None:
            if method == "apply_status" and about == key and (change := next(changes, None)):
                mesh.identity(**change)

        mesh.cluster.before = meddle
        assert mesh.tell(key) is None
        assert mesh.cluster.status(key)["subject"] == "system:serviceaccount:shop:basket"
        assert mesh.cluster.status(key)["observedGeneration"] == 2

    def test_r01_conflict_without_end_is_handed_back(self) -> None:
        """R01: an object that changes each time is left to the source of events, which waits in between."""
        mesh = Mesh()
        key = mesh.policy()
        tries: list[str] = []

        def conflict(method: str, _: Key) -> None:
            if method == "apply_status":
                tries.append(method)
                raise Conflict("modified")

        mesh.cluster.before = conflict
        assert mesh.tell(key) is not None
        assert len(tries) == 4

    def test_r04_two_functions_at_work_end_in_one_state(self) -> None:
        """R04: a second function that acts between our read and our write makes no difference in the end."""
        mesh = Mesh(makes_objects=True)
        mesh.provider()
        mesh.settle()
        key = mesh.identity()
        busy: list[int] = []
        second = evolve(mesh.reconciler, shared=Shared())

        def other(method: str, about: Key) -> None:
            if method == "merge_metadata" and not busy:
                busy.append(1)
                second.reconcile(OneObject(key))

        mesh.cluster.before = other
        assert mesh.tell(key) is None
        assert mesh.cluster.objects[key]["metadata"]["finalizers"] == ["aegisproxy.io/provider"]
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")
        assert list(mesh.plugin.objects) == ["shop-cart"]

    def test_r06_conditions_change_once_and_remember_when(self) -> None:
        """R06: lastTransitionTime is when the status turned, and each turn is told once."""
        mesh = Mesh()
        key = mesh.provider()
        mesh.settle()
        mesh.time = "2026-01-02T00:00:00Z"
        mesh.tick()
        assert {item["lastTransitionTime"] for item in mesh.cluster.status(key)["conditions"]} == {
            "2026-01-01T00:00:00Z"
        }
        mesh.plugin.failure = Unavailable("down")
        mesh.tick()
        mesh.tick()
        assert mesh.cluster.status(key)["conditions"][0]["lastTransitionTime"] == "2026-01-02T00:00:00Z"
        assert mesh.cluster.told() == [("idp", "Ready"), ("idp", "IssuerUnreachable")]

    def test_trouble_with_the_api_server_is_tried_again(self) -> None:
        """What cannot be read or written now is asked for again, with the longest wait that was asked for."""
        mesh = Mesh()
        key = mesh.identity()

        def down(method: str, about: Key) -> None:
            raise TryAgain("503", 7 if about.resource == IDENTITY else 11)

        mesh.cluster.before = down
        later = mesh.tell(key)
        assert later is not None
        assert later.retry_after == 7
        assert mesh.tick() is not None

    def test_what_the_api_server_refuses_for_good_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """Missing rights are not mended by trying again; the tick looks anew."""
        mesh = Mesh()
        key = mesh.policy()

        def forbidden(method: str, about: Key) -> None:
            if method == "apply_status" or about.resource == IDENTITY:
                raise Rejected("403 forbidden")

        mesh.cluster.before = forbidden
        assert mesh.tell(key) is None
        assert mesh.tick() is None
        assert "403 forbidden" in caplog.text

    def test_one_bad_object_does_not_stop_the_tick(self) -> None:
        """The tick goes on after an object that fails, and asks to come again."""
        mesh = Mesh()
        bad, good = mesh.policy("a-bad"), mesh.policy("b-good")

        def down(method: str, about: Key) -> None:
            if method == "apply_status" and about == bad:
                raise TryAgain("timeout")

        mesh.cluster.before = down
        assert mesh.tick() is not None
        assert mesh.cluster.condition(good, "Accepted") == ("True", "Valid")

    def test_tick_within_a_tick_is_done_already(self) -> None:
        """A tick that comes while one is at work leaves the work to that one."""
        mesh = Mesh()
        mesh.policy()
        answers: list[object] = []

        def again(method: str, about: Key) -> None:
            if method == "apply_status":
                answers.append(mesh.tick())

        mesh.cluster.before = again
        assert mesh.tick() is None
        assert answers == [None]

    def test_provider_gone_at_the_second_look_is_done_with(self) -> None:
        """Between the event's first look and the work it may go."""
        mesh = Mesh()
        key = mesh.provider()
        looks = [1]

        def gone(method: str, about: Key) -> None:
            if (method, about) == ("get", key):
                looks[0] -= 1
                if looks[0] < 0:
                    mesh.cluster.objects.pop(key, None)

        mesh.cluster.before = gone
        assert mesh.tell(key) is None
        assert key not in mesh.cluster.objects

    def test_object_gone_at_the_second_look_is_done_with(self) -> None:
        """Between the list and the read an object may go."""
        mesh = Mesh()
        keys = [mesh.provider(), mesh.identity(), mesh.policy(), mesh.cluster_provider()]

        def gone(method: str, about: Key) -> None:
            if method == "get":
                for key in keys:
                    mesh.cluster.objects.pop(key, None)

        mesh.cluster.before = gone
        assert mesh.tick() is None
        assert mesh.tell(keys[1]) is None


class TestPrincipals:
    """A provider whose tokens hold no more than an id of its own: its status says whose id that is."""

    def mesh(self) -> Mesh:
        mesh = Mesh("shop", "bank", makes_objects=True)
        mesh.plugin.gives_ids = True
        mesh.cluster_provider(namespaceSelector={})
        for namespace in ("shop", "bank"):
            mesh.identity(namespace=namespace, provider="wide")
        return mesh

    def test_each_identity_is_in_the_table(self) -> None:
        """Those of two namespaces do not meet, and the write is one that ends."""
        mesh = self.mesh()
        mesh.settle()
        assert mesh.cluster.status(WIDE)["principals"] == {
            "id-shop-cart": "system:serviceaccount:shop:cart",
            "id-bank-cart": "system:serviceaccount:bank:cart",
        }
        assert mesh.cluster.condition(WIDE, "Ready") == ("True", "Ready")

    def test_a_deleted_identity_is_out_of_the_table_before_it_is_gone(self) -> None:
        """Its tokens are refused from then on, even while its provider is down."""
        mesh = self.mesh()
        mesh.settle()
        mesh.plugin.failure = Unavailable("down")
        mesh.cluster.remove(Key(IDENTITY, "bank", "cart"))
        mesh.tell(Key(IDENTITY, "bank", "cart"))
        assert list(mesh.cluster.status(WIDE)["principals"]) == ["id-shop-cart"]

    def test_a_tick_mends_the_table(self) -> None:
        """Lost events and foreign writes are healed; what else the status says stays."""
        mesh = self.mesh()
        mesh.settle()
        before = mesh.cluster.status(WIDE)
        mesh.cluster.objects[WIDE]["status"] = {**before, "principals": {"id-evil": "system:serviceaccount:shop:cart"}}
        mesh.tick()
        assert mesh.cluster.status(WIDE) == before

    def test_an_id_of_another_provider_does_not_count(self) -> None:
        """An Identity that has moved counts for the provider that made it, whatever its spec and marks say."""
        mesh = self.mesh()
        mesh.settle()
        other = mesh.cluster_provider("other", namespaceSelector={})
        mesh.tick()
        mesh.plugin.failure = Unavailable("down")
        mesh.identity(provider="other")
        mesh.tick()
        assert "principals" not in mesh.cluster.status(other)

    @pytest.mark.parametrize("looks", [0, 1, 2])
    def test_a_provider_that_is_gone_has_no_table(self, looks: int) -> None:
        """It may go at any moment while an event about its Identity is worked on."""
        mesh = self.mesh()
        mesh.settle()
        mesh.cluster.objects[WIDE]["status"].pop("principals")
        left = [looks]

        def gone(method: str, key: Key) -> None:
            if (method, key) == ("get", WIDE):
                left[0] -= 1
                if left[0] < 0 and WIDE in mesh.cluster.objects:
                    mesh.cluster.objects[WIDE]["metadata"]["finalizers"] = []
                    mesh.cluster.remove(WIDE)

        mesh.cluster.before = gone
        assert mesh.tell(Key(IDENTITY, "shop", "cart")) is None
        mesh.cluster.before = lambda _method, _key: None
        mesh.settle()
        assert mesh.cluster.condition(Key(IDENTITY, "shop", "cart"), "Ready") == ("False", "ProviderNotFound")

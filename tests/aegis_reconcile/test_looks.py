"""One object after the other, from observation to status, on a cluster and a provider in memory."""

from typing import Any

import pytest

from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.values import ProvisionRequest
from aegis_reconcile.cluster import Rejected, TryAgain
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    IDENTITY,
    IDENTITY_PROVIDER,
    NAMESPACE,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Key,
)
from aegis_reconcile.schedule import PERIOD
from support.reconciling import Mesh

FINALIZER = "aegisproxy.io/provider"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJl"


def names(mesh: Mesh, kind: object) -> list[tuple[str, str]]:
    return [(key.namespace, key.name) for key in mesh.cluster.objects if key.resource == kind]


def uid_of(mesh: Mesh, provider: str) -> object:
    return mesh.cluster.objects[Key(IDENTITY_PROVIDER, "shop", provider)]["metadata"]["uid"]


def granted(mesh: Mesh, namespace: str = "shop", account: str = "cart") -> dict[str, list[str]]:
    """What the Role of a ServiceAccount lets it read: names by resource."""
    role = mesh.cluster.objects.get(Key(ROLE, namespace, f"aegis-proxy-{account}"))
    return {rule["resources"][0]: rule["resourceNames"] for rule in role["rules"]} if role else {}


class TestProviders:
    def test_good_provider_shows_its_issuer_and_is_ready(self) -> None:
        """A provider that the plugin can use gets Ready, its issuer and the generation that was looked at."""
        mesh = Mesh()
        key = mesh.provider(config={"issuer": "https://a.test"})
        assert mesh.tell(key) is None
        status = mesh.cluster.status(key)
        assert status["issuer"] == "https://a.test"
        assert status["observedGeneration"] == 1
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")
        assert mesh.cluster.condition(key, "ProviderReachable") == ("True", "Answered")

    @pytest.mark.parametrize(
        ("spec", "reason"),
        [
            ({"type": "elsewhere"}, "PluginMissing"),
            ({"config": {"isuer": "https://a.test"}}, "SettingsInvalid"),
            ({"audience": ""}, "ProviderInvalid"),
        ],
    )
    def test_what_only_people_can_mend_is_in_the_status_and_not_tried_again(
        self, spec: dict[str, Any], reason: str
    ) -> None:
        """A provider that is wrong gets a condition with the reason, and the event is done with."""
        mesh = Mesh()
        key = mesh.provider(**spec)
        assert mesh.tell(key) is None
        assert mesh.cluster.condition(key, "Ready") == ("False", reason)
        assert mesh.cluster.condition(key, "ProviderReachable") == ("Unknown", "NotAsked")

    def test_silent_provider_is_tried_again_with_its_own_wait(self) -> None:
        """A provider that does not answer is in the status, and the event is asked for again."""
        mesh = Mesh()
        key = mesh.provider()
        mesh.plugin.failure = Unavailable("https://issuer.test: no answer", retry_after=30)
        later = mesh.tell(key)
        assert later is not None
        assert later.retry_after == 30
        assert mesh.cluster.condition(key, "Ready") == ("False", "IssuerUnreachable")
        assert mesh.cluster.condition(key, "ProviderReachable") == ("False", "IssuerUnreachable")

    @pytest.mark.parametrize(
        "error", [Unavailable(f"no answer to {TOKEN}"), Misconfigured(f"Bearer {TOKEN}"), ZeroDivisionError(TOKEN)]
    )
    def test_s06_no_token_reaches_a_status_or_an_event(
        self, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Even where a plugin quotes one in its error, which none should."""
        mesh = Mesh()
        key = mesh.provider()
        mesh.plugin.failure = error
        mesh.tell(key)
        assert mesh.cluster.condition(key, "Ready")[0] == "False"
        written = str(vars(mesh.cluster)) + caplog.text
        assert "ZeroDivisionError" in written or "***" in written
        for part in TOKEN.split("."):
            assert part not in written

    def test_issuer_once_known_survives_an_outage(self) -> None:
        """An outage does not take away what was known of this generation."""
        mesh = Mesh()
        key = mesh.provider()
        mesh.tell(key)
        mesh.plugin.failure = Unavailable("down")
        assert mesh.tick() is None
        assert mesh.cluster.status(key)["issuer"] == "https://issuer.test"
        assert mesh.cluster.condition(key, "Ready") == ("False", "IssuerUnreachable")
        mesh.plugin.failure = Refused("no")
        mesh.tick()
        assert "issuer" not in mesh.cluster.status(key)

    def test_provider_that_comes_late_makes_its_identities_ready(self) -> None:
        """Objects may come in any order: an Identity waits for its provider and is served when that comes."""
        mesh = Mesh()
        identity = mesh.identity()
        mesh.settle()
        assert mesh.cluster.condition(identity, "Ready") == ("False", "ProviderNotFound")
        mesh.provider()
        mesh.settle()
        assert mesh.cluster.condition(identity, "Ready") == ("True", "Ready")

    def test_deleted_provider_leaves_its_identities_not_ready(self) -> None:
        """An Identity says so when its provider is gone."""
        mesh = Mesh()
        key, identity = mesh.provider(), mesh.identity()
        mesh.settle()
        mesh.cluster.remove(key)
        mesh.settle()
        assert mesh.cluster.condition(identity, "Ready") == ("False", "ProviderNotFound")


class TestIdentities:
    def test_identity_gets_its_account_and_status(self) -> None:
        """An Identity of a provider that keeps nothing gets subject, type and conditions, and no finalizer."""
        mesh = Mesh()
        mesh.provider()
        key = mesh.identity(serviceAccountName="basket")
        mesh.settle()
        status = mesh.cluster.status(key)
        assert status["subject"] == "system:serviceaccount:shop:basket"
        assert status["provider"] == "memory"
        assert "metadata" not in status
        assert status["observedGeneration"] == 1
        assert mesh.cluster.condition(key, "Provisioned") == ("True", "NothingToMake")
        assert "finalizers" not in mesh.cluster.objects[key]["metadata"]
        account = mesh.cluster.objects[Key(SERVICE_ACCOUNT, "shop", "basket")]
        assert account["metadata"]["ownerReferences"][0]["uid"] == mesh.cluster.objects[key]["metadata"]["uid"]
        assert mesh.plugin.calls == ["trust"]

    def test_foreign_account_is_used_as_it_is(self) -> None:
        """A ServiceAccount that somebody else made is never changed or owned."""
        mesh = Mesh()
        account = mesh.account("cart")
        before = mesh.cluster.objects[account]
        mesh.provider()
        mesh.identity()
        mesh.settle()
        assert mesh.cluster.objects[account] == before

    def test_account_of_two_identities_has_two_owners(self) -> None:
        """A ServiceAccount of our making stays until the last of its Identities is gone."""
        mesh = Mesh()
        mesh.provider()
        mesh.identity("one", serviceAccountName="cart")
        mesh.identity("two", serviceAccountName="cart")
        mesh.settle()
        owners = mesh.cluster.objects[Key(SERVICE_ACCOUNT, "shop", "cart")]["metadata"]["ownerReferences"]
        assert [owner["name"] for owner in owners] == ["one", "two"]

    def test_account_made_by_somebody_at_the_same_moment_is_theirs(self) -> None:
        """Between our look and our create somebody makes the account: it stays theirs, and the Identity is ready."""
        mesh = Mesh()
        mesh.provider()
        mesh.settle()
        key = mesh.identity()

        def theirs(method: str, about: Key) -> None:
            if method == "create" and about.resource == SERVICE_ACCOUNT:
                mesh.cluster.before = lambda *_: None
                mesh.account("cart")

        mesh.cluster.before = theirs
        assert mesh.tell(key) is None
        assert "ownerReferences" not in mesh.cluster.objects[Key(SERVICE_ACCOUNT, "shop", "cart")]["metadata"]
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")

    def test_refused_account_is_in_the_status(self) -> None:
        """An API server that will not have the account (quota, admission) is quoted in the condition."""
        mesh = Mesh()
        mesh.provider()
        mesh.settle()
        key = mesh.identity()

        def refuse(method: str, about: Key) -> None:
            if method == "create" and about.resource == SERVICE_ACCOUNT:
                raise Rejected("exceeded quota")

        mesh.cluster.before = refuse
        assert mesh.tell(key) is None
        assert mesh.cluster.condition(key, "Ready") == ("False", "ServiceAccountRefused")
        assert "exceeded quota" in str(mesh.cluster.status(key))

    def test_unreadable_identity_says_what_is_wrong(self) -> None:
        """What admission let through and the parser refuses gets a condition with the path."""
        mesh = Mesh()
        key = mesh.cluster.put(IDENTITY, "cart", "shop", spec={"provider": "idp", "egress": {"hosts": "*"}})
        assert mesh.tell(key) is None
        assert mesh.cluster.condition(key, "Ready") == ("False", "SpecInvalid")
        assert "spec.egress.hosts" in str(mesh.cluster.status(key))

    def test_unsuitable_identity_hears_the_way_out(self) -> None:
        """What the provider cannot do for this identity is told in the plugin's words."""
        mesh = Mesh()
        mesh.provider()
        mesh.plugin.unsuitable = Misconfigured("list the exact hosts in spec.egress.hosts")
        key = mesh.identity()
        mesh.settle()
        assert mesh.cluster.condition(key, "Ready") == ("False", "Unsuitable")
        assert "list the exact hosts" in str(mesh.cluster.status(key))

    @pytest.mark.parametrize(
        ("selector", "reason"),
        [
            ({}, "Ready"),
            ({"matchLabels": {"team": "shop"}}, "Ready"),
            ({"matchLabels": {"team": "bank"}}, "ProviderNotAllowed"),
            (None, "ProviderNotAllowed"),
        ],
    )
    def test_cluster_provider_serves_the_namespaces_that_it_selects(self, selector: object, reason: str) -> None:
        """Without a selector a ClusterIdentityProvider serves nobody."""
        mesh = Mesh()
        mesh.cluster.put(NAMESPACE, "shop", labels={"team": "shop"})
        spec: dict[str, Any] = {} if selector is None else {"namespaceSelector": selector}
        mesh.cluster_provider(**spec)
        key = mesh.identity(provider="wide")
        mesh.settle()
        assert mesh.cluster.condition(key, "Ready")[1] == reason

    def withdrawn(self) -> tuple[Mesh, Key]:
        """An Identity at a provider of the cluster, from which the namespace's label was taken away."""
        mesh = Mesh(makes_objects=True)
        mesh.cluster.put(NAMESPACE, "shop", labels={"mesh": "yes"})
        mesh.cluster_provider(namespaceSelector={"matchLabels": {"mesh": "yes"}})
        key = mesh.identity(provider="wide")
        mesh.pod(identity="cart")
        mesh.settle()
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")
        assert names(mesh, CLUSTER_ROLE)
        mesh.cluster.put(NAMESPACE, "shop", labels={})
        return mesh, key

    def test_namespace_that_is_no_longer_selected_keeps_nothing_there(self) -> None:
        """What was made is removed by the next tick, with the right to read the provider; and made anew if selected."""
        mesh, key = self.withdrawn()
        assert mesh.tick() is None
        assert mesh.plugin.objects == {}
        assert names(mesh, CLUSTER_ROLE) == []
        assert mesh.cluster.condition(key, "Ready") == ("False", "ProviderNotAllowed")
        assert mesh.cluster.condition(key, "Provisioned") == ("False", "ProviderNotAllowed")
        assert "label the namespace as it says" in str(mesh.cluster.status(key))
        assert "providerUid" not in mesh.cluster.status(key)
        assert mesh.cluster.objects[key]["metadata"]["finalizers"] == []
        mesh.cluster.put(NAMESPACE, "shop", labels={"mesh": "yes"})
        mesh.tick()
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")
        assert list(mesh.plugin.objects) == ["shop-cart"]

    def test_nothing_is_removed_by_what_a_tick_read_a_moment_ago(self) -> None:
        """The label comes back between the tick's list of namespaces and its look at the Identity."""
        mesh, key = self.withdrawn()

        def back(method: str, about: Key) -> None:
            if (method, about) == ("get", key):
                mesh.cluster.put(NAMESPACE, "shop", labels={"mesh": "yes"})

        mesh.cluster.before = back
        mesh.tick()
        assert "deprovision" not in mesh.plugin.calls
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")

    def test_removal_for_a_namespace_that_is_no_longer_selected_waits_for_the_provider(self) -> None:
        """The Identity is not Ready all the while, and says for whom it waits."""
        mesh, key = self.withdrawn()
        mesh.plugin.removal_failure = Unavailable("down")
        mesh.tick()
        assert mesh.cluster.condition(key, "Ready") == ("False", "ProviderNotAllowed")
        assert mesh.cluster.condition(key, "Provisioned") == ("Unknown", "ProviderNotAllowed")
        assert "it waits for ClusterIdentityProvider/wide to remove what it holds" in str(mesh.cluster.status(key))
        mesh.plugin.removal_failure = None
        mesh.tick()
        assert mesh.plugin.objects == {}

    def test_identity_that_cannot_move_to_a_provider_stays_at_its_old_one(self) -> None:
        """One of the cluster that does not select the namespace takes nothing away from another one."""
        mesh = Mesh(makes_objects=True)
        mesh.provider()
        mesh.cluster_provider()
        key = mesh.identity()
        mesh.settle()
        mesh.identity(provider="wide")
        mesh.settle()
        assert mesh.cluster.condition(key, "Ready") == ("False", "ProviderNotAllowed")
        assert list(mesh.plugin.objects) == ["shop-cart"]

    def test_own_provider_goes_before_the_clusters(self) -> None:
        """A name means the namespace's own IdentityProvider first."""
        mesh = Mesh()
        mesh.cluster_provider("idp", namespaceSelector={}, type="elsewhere")
        mesh.provider("idp")
        key = mesh.identity()
        mesh.settle()
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")

    def test_unready_provider_makes_its_identities_unready_and_back(self) -> None:
        """An Identity follows its provider's state, and says whether the provider answers."""
        mesh = Mesh()
        provider, key = mesh.provider(), mesh.identity()
        mesh.settle()
        mesh.plugin.failure = Unavailable("down")
        mesh.tick()
        assert mesh.cluster.condition(key, "Ready") == ("False", "ProviderNotReady")
        assert mesh.cluster.condition(key, "ProviderReachable") == ("False", "ProviderNotReady")
        mesh.plugin.failure = None
        mesh.tell(provider)
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")


class TestProvisioning:
    def mesh(self) -> tuple[Mesh, Key]:
        mesh = Mesh(makes_objects=True)
        mesh.provider()
        key = mesh.identity()
        mesh.settle()
        return mesh, key

    def test_provisioned_identity_keeps_what_the_plugin_gave_back(self) -> None:
        """Metadata of the provider lands in the status, and comes back to the plugin with the next run."""
        mesh, key = self.mesh()
        assert mesh.cluster.status(key)["metadata"] == {"role": "shop-cart"}
        assert mesh.cluster.condition(key, "Provisioned") == ("True", "Provisioned")
        seen: list[ProvisionRequest] = []
        original = mesh.plugin.provision

        async def spy(settings: object, request: ProvisionRequest, http: object) -> object:
            seen.append(request)
            return await original(settings, request, http)  # type: ignore[arg-type]  # passed on as it came

        mesh.plugin.provision = spy  # type: ignore[method-assign,assignment]  # a spy for this test
        mesh.wait(PERIOD)
        mesh.tick()
        assert seen[0].metadata == {"role": "shop-cart"}
        uid = mesh.cluster.objects[Key(NAMESPACE, "", "kube-system")]["metadata"]["uid"]
        assert (seen[0].owner.cluster, seen[0].owner.uid) == (uid, mesh.cluster.objects[key]["metadata"]["uid"])

    def test_r02_crash_after_the_external_create_is_healed_by_the_next_run(self) -> None:
        """R02: the status write fails after the provider made the role; the next run adopts it by its owner mark."""
        mesh = Mesh(makes_objects=True)
        mesh.provider()
        mesh.settle()
        key = mesh.identity()

        def crash(method: str, about: Key) -> None:
            if method == "apply_status" and about == key:
                raise TryAgain("the connection broke")

        mesh.cluster.before = crash
        assert mesh.tell(key) is not None
        assert mesh.plugin.objects
        mesh.cluster.before = lambda *_: None
        mesh.settle()
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")
        assert list(mesh.plugin.objects) == ["shop-cart"]

    def test_r03_finalizer_stands_before_the_first_side_effect(self) -> None:
        """R03: when the provider is asked for the first time, the mark is already stored."""
        mesh = Mesh(makes_objects=True)
        mesh.provider()
        key = mesh.identity()
        marks: list[object] = []
        original = mesh.plugin.provision

        async def spy(settings: object, request: ProvisionRequest, http: object) -> object:
            metadata = mesh.cluster.objects[key]["metadata"]
            marks.append((metadata["finalizers"], metadata["annotations"]))
            return await original(settings, request, http)  # type: ignore[arg-type]  # passed on as it came

        mesh.plugin.provision = spy  # type: ignore[method-assign,assignment]  # a spy for this test
        mesh.settle()
        assert marks == [([FINALIZER], {"aegisproxy.io/provisioned-by": "IdentityProvider/idp"})]

    def test_r03_deletion_while_the_provider_is_down_waits_and_says_so(self) -> None:
        """R03: the finalizer stays, the condition names what is waited for and since when, and later it goes."""
        mesh, key = self.mesh()
        mesh.plugin.failure = Unavailable("vault: no answer")
        mesh.cluster.remove(key)
        assert mesh.tell(key) is not None
        assert mesh.cluster.objects[key]["metadata"]["finalizers"] == [FINALIZER]
        assert mesh.cluster.condition(key, "Ready") == ("False", "WaitingForProvider")
        told = str(mesh.cluster.status(key))
        assert "to be deleted since 2030-01-01T00:00:00Z, it waits for IdentityProvider/idp" in told
        assert "vault: no answer" in told
        mesh.plugin.failure = None
        assert mesh.tell(key) is None
        assert key not in mesh.cluster.objects
        assert mesh.plugin.objects == {}

    def test_lost_delete_event_is_healed_by_the_tick(self) -> None:
        """A deletion that nobody told us of is finished by the next tick."""
        mesh, key = self.mesh()
        mesh.cluster.remove(key)
        mesh.tick()
        assert key not in mesh.cluster.objects
        assert mesh.plugin.objects == {}

    def test_orphan_policy_lets_go_without_asking(self) -> None:
        """The annotation deletion-policy: Orphan ends the wait and leaves the provider's objects alone."""
        mesh, key = self.mesh()
        mesh.plugin.failure = Unavailable("down")
        mesh.cluster.put(IDENTITY, "cart", "shop", annotations={"aegisproxy.io/deletion-policy": "Orphan"})
        mesh.cluster.remove(key)
        assert mesh.tell(key) is None
        assert key not in mesh.cluster.objects
        assert "shop-cart" in mesh.plugin.objects

    def test_provider_stays_until_its_last_identity_is_gone(self) -> None:
        """R03: a provider is guarded before anything is made there; deleted, it says whom it waits for, and goes."""
        mesh, key = self.mesh()
        provider = Key(IDENTITY_PROVIDER, "shop", "idp")
        assert mesh.cluster.objects[provider]["metadata"]["finalizers"] == ["aegisproxy.io/identities"]
        mesh.cluster.remove(provider)
        mesh.settle()
        assert mesh.cluster.condition(provider, "Ready") == ("False", "InUse")
        told = mesh.cluster.status(provider)["conditions"][0]["message"]
        assert "to be deleted since 2030-01-01T00:00:00Z, it waits for 1 Identities" in told
        assert "(cart)" in told
        assert mesh.cluster.condition(key, "Ready") == ("False", "ProviderDeleting")
        late = mesh.identity("late")
        mesh.settle()
        assert mesh.cluster.condition(late, "Ready") == ("False", "ProviderDeleting")
        assert "finalizers" not in mesh.cluster.objects[late]["metadata"]
        mesh.cluster.remove(key)
        assert mesh.tell(key) is None
        assert key not in mesh.cluster.objects
        assert provider not in mesh.cluster.objects
        assert mesh.plugin.objects == {}

    @pytest.mark.parametrize("kind", ["IdentityProvider", "ClusterIdentityProvider"])
    @pytest.mark.parametrize("by_tick", [False, True])
    def test_r03_namespace_goes_whatever_goes_first(self, kind: str, by_tick: bool) -> None:
        """R03: all of a namespace is deleted at once, the provider first; nothing is left there or at the provider."""
        mesh = Mesh(makes_objects=True)
        provider = mesh.provider() if kind == "IdentityProvider" else mesh.cluster_provider("idp", namespaceSelector={})
        keys = [mesh.identity(name) for name in ("cart", "orders")]
        mesh.settle()
        assert sorted(mesh.plugin.objects) == ["shop-cart", "shop-orders"]
        mesh.cluster.hints.clear()
        space = mesh.cluster.objects[Key(NAMESPACE, "", "shop")]
        space["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
        for resource in (IDENTITY_PROVIDER, CLUSTER_IDENTITY_PROVIDER, SERVICE_ACCOUNT, IDENTITY):
            for key in [key for key in mesh.cluster.objects if key.resource == resource]:
                mesh.cluster.remove(key)
        if by_tick:
            mesh.cluster.hints.clear()
            mesh.tick()
        mesh.settle()
        assert not [key for key in mesh.cluster.objects if key.namespace == "shop" and key.resource.kind != "Event"]
        assert provider not in mesh.cluster.objects
        assert keys
        assert mesh.plugin.objects == {}

    @pytest.mark.parametrize("by_tick", [False, True])
    def test_r03_provider_that_is_deleted_at_the_same_moment_gets_nothing_made(self, by_tick: bool) -> None:
        """R03: between our look at the provider and our mark it goes: the mark goes again, and nothing was made."""
        mesh = Mesh(makes_objects=True)
        provider = mesh.provider()
        mesh.settle()
        key = mesh.identity()

        def delete(method: str, about: Key) -> None:
            if method == "merge_metadata" and about == key and provider in mesh.cluster.objects:
                del mesh.cluster.objects[provider]

        mesh.cluster.before = delete
        assert (mesh.tick() if by_tick else mesh.tell(key)) is None
        assert provider not in mesh.cluster.objects
        assert mesh.plugin.objects == {}
        assert "provision" not in mesh.plugin.calls
        assert mesh.cluster.objects[key]["metadata"]["finalizers"] == []
        assert mesh.cluster.condition(key, "Ready") == ("False", "ProviderNotFound")

    def test_provider_whose_guard_was_taken_is_waited_for(self) -> None:
        """Without its provider's settings nobody can clean up: the Identity says which provider must come back."""
        mesh, key = self.mesh()
        provider = mesh.cluster.put(IDENTITY_PROVIDER, "idp", "shop", finalizers=[])
        mesh.cluster.remove(provider)
        mesh.cluster.remove(key)
        mesh.settle()
        assert mesh.cluster.condition(key, "Ready") == ("False", "WaitingForProvider")
        assert "there is no IdentityProvider idp any more" in str(mesh.cluster.status(key))
        mesh.provider("idp")
        mesh.settle()
        assert key not in mesh.cluster.objects

    def test_provider_that_keeps_nothing_has_no_guard(self) -> None:
        """Where nothing is made, nothing stands in the way of a deletion."""
        mesh = Mesh()
        key = mesh.provider()
        mesh.identity()
        mesh.settle()
        assert "finalizers" not in mesh.cluster.objects[key]["metadata"]
        mesh.cluster.put(IDENTITY_PROVIDER, "idp", "shop", finalizers=["of.others/x"])
        mesh.cluster.remove(key)
        mesh.settle()
        assert mesh.cluster.objects[key]["metadata"]["finalizers"] == ["of.others/x"]
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")

    def test_identity_that_moves_is_made_before_it_is_removed(self) -> None:
        """At each moment the identity is at one provider at least; in the end it is at the new one only."""
        mesh, key = self.mesh()
        mesh.provider("other")
        mesh.settle()
        mesh.plugin.calls.clear()
        mesh.identity(provider="other")
        mesh.settle()
        assert mesh.plugin.calls == ["provision", "deprovision"]
        annotations = mesh.cluster.objects[key]["metadata"]["annotations"]
        assert annotations == {"aegisproxy.io/provisioned-by": "IdentityProvider/other"}
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")
        assert mesh.cluster.status(key)["providerUid"] == uid_of(mesh, "other")

    def test_identity_that_moved_is_ready_while_its_old_provider_is_down(self) -> None:
        """The new provider serves; what is left at the old one is told, and removed when it answers again."""
        mesh, key = self.mesh()
        old = mesh.plugin
        mesh.provider("other")
        mesh.settle()
        old.removal_failure = Unavailable("down")
        mesh.identity(provider="other")
        assert mesh.tell(key) is not None
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")
        assert mesh.cluster.condition(key, "Provisioned") == ("True", "WaitingForProvider")
        assert "waits for IdentityProvider/idp to remove" in str(mesh.cluster.status(key))
        assert mesh.cluster.status(key)["providerUid"] == uid_of(mesh, "other")
        old.removal_failure = None
        mesh.settle()
        assert mesh.tell(key) is None
        assert mesh.cluster.condition(key, "Provisioned") == ("True", "Provisioned")
        assert mesh.cluster.status(key)["providerUid"] == uid_of(mesh, "other")

    @pytest.mark.parametrize("calls", range(12))
    def test_r02_move_that_breaks_off_anywhere_is_finished_by_the_next_run(self, calls: int) -> None:
        """R02: after each call in turn the function stops; the next run ends where an undisturbed one would."""
        mesh, key = self.mesh()
        mesh.provider("other")
        mesh.settle()
        mesh.identity(provider="other")
        left = [calls]

        def stop(method: str, _: Key) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise TryAgain("stopped")

        mesh.cluster.before = stop
        mesh.tell(key)
        mesh.cluster.before = lambda *_: None
        mesh.tick()
        mesh.settle()
        annotations = mesh.cluster.objects[key]["metadata"]["annotations"]
        assert annotations == {"aegisproxy.io/provisioned-by": "IdentityProvider/other"}
        assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")
        assert mesh.cluster.status(key)["providerUid"] == uid_of(mesh, "other")

    def test_r05_drift_at_the_provider_is_repaired_by_the_ticks_of_a_period(self) -> None:
        """R05: what somebody removed at the provider is made again, and the status says when that was looked at."""
        mesh, key = self.mesh()
        mesh.plugin.objects.clear()
        mesh.wait(PERIOD)
        mesh.tick()
        assert "shop-cart" in mesh.plugin.objects
        assert mesh.cluster.status(key)["lastCheckTime"] == mesh.time

    def test_changed_provider_is_provisioned_anew(self) -> None:
        """New settings of a provider reach the identities that it already serves."""
        mesh, _ = self.mesh()
        mesh.plugin.calls.clear()
        mesh.provider(config={"issuer": "https://new.test"})
        mesh.settle()
        assert mesh.plugin.calls == ["trust", "provision"]

    def test_r08_object_of_another_owner_is_neither_used_nor_removed(self) -> None:
        """R08: a role of another namespace's Identity stays, whatever this Identity does."""
        mesh = Mesh(makes_objects=True)
        mesh.plugin.objects["shop-cart"] = ("this cluster", "another Identity")
        mesh.provider()
        key = mesh.identity()
        mesh.settle()
        assert mesh.cluster.condition(key, "Provisioned") == ("Unknown", "ForeignObject")
        mesh.cluster.remove(key)
        mesh.settle()
        assert key not in mesh.cluster.objects
        assert mesh.plugin.objects == {"shop-cart": ("this cluster", "another Identity")}

    def test_cluster_without_an_id_is_tried_again(self) -> None:
        """Nothing is made at a provider without the cluster's mark on it."""
        mesh = Mesh(makes_objects=True)
        mesh.provider()
        mesh.settle()
        del mesh.cluster.objects[Key(NAMESPACE, "", "kube-system")]
        assert mesh.tell(mesh.identity()) is not None
        assert mesh.plugin.objects == {}


class TestPolicies:
    def test_policy_is_accepted_and_summed_up(self) -> None:
        """A policy that the proxies can enforce says in one sentence what it does."""
        mesh = Mesh()
        key = mesh.policy()
        assert mesh.tell(key) is None
        assert mesh.cluster.condition(key, "Accepted") == ("True", "Valid")
        assert mesh.cluster.status(key)["observedGeneration"] == 1

    def test_bad_policy_is_not_accepted(self) -> None:
        """A policy that the parser refuses says where and why, and that everything is denied."""
        mesh = Mesh()
        key = mesh.policy(rules=[{"methods": ["get"], "paths": ["/"], "identities": ["a"]}])
        mesh.settle()
        assert mesh.cluster.condition(key, "Accepted") == ("False", "Invalid")
        assert "spec.rules[0].methods[0]" in str(mesh.cluster.status(key))

    def test_r07_huge_and_odd_objects_are_answered(self) -> None:
        """R07: 10^5 rules, a name of 253 characters and unicode in a field cost an answer, not a crash."""
        mesh = Mesh()
        rule = {"identities": ["a"], "methods": ["GET"], "paths": ["/"]}
        huge = mesh.policy("huge", rules=[rule] * 100_000)
        full = mesh.policy("full", rules=[{**rule, "name": f"r{i}"} for i in range(256)])
        long = mesh.policy("x" * 253, rules=[{**rule, "methods": ["\u2603" * 5000]}])
        for key in (huge, full, long):
            assert mesh.tell(key) is None
        assert mesh.cluster.condition(huge, "Accepted") == ("False", "Invalid")
        assert mesh.cluster.condition(full, "Accepted") == ("True", "Valid")
        assert mesh.cluster.condition(long, "Accepted") == ("False", "Invalid")
        assert len(mesh.cluster.status(long)["conditions"][0]["message"]) <= 1024


class TestRights:
    def test_proxy_may_read_exactly_what_its_pod_uses(self) -> None:
        """One Role per ServiceAccount, on the named objects of its pods, bound to that account alone."""
        mesh = Mesh()
        mesh.account("cart")
        mesh.provider()
        mesh.identity()
        mesh.pod(identity="cart", policies=["p1", "p2"])
        mesh.settle()
        assert granted(mesh) == {
            "ingresspolicies": ["p1", "p2"],
            "identities": ["cart"],
            "identityproviders": ["idp"],
        }
        binding = mesh.cluster.objects[Key(ROLE_BINDING, "shop", "aegis-proxy-cart")]
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "cart", "namespace": "shop"}]
        uid = mesh.cluster.objects[Key(SERVICE_ACCOUNT, "shop", "cart")]["metadata"]["uid"]
        assert binding["metadata"]["ownerReferences"][0]["uid"] == uid
        assert not names(mesh, CLUSTER_ROLE)

    def test_rights_shrink_and_go_with_the_pods(self) -> None:
        """What no pod uses any more is taken back; with the last pod the Role goes."""
        mesh = Mesh()
        mesh.account("cart")
        first, second = mesh.pod("one", policies=["p1"]), mesh.pod("two", policies=["p2"])
        mesh.settle()
        assert granted(mesh) == {"ingresspolicies": ["p1", "p2"]}
        mesh.cluster.remove(first)
        mesh.settle()
        assert granted(mesh) == {"ingresspolicies": ["p2"]}
        mesh.cluster.remove(second)
        mesh.settle()
        assert not names(mesh, ROLE)
        assert not names(mesh, ROLE_BINDING)

    def test_finished_pod_needs_no_rights(self) -> None:
        """A pod that has come to its end counts as gone."""
        mesh = Mesh()
        mesh.account("cart")
        mesh.pod(policies=["p"], phase="Succeeded")
        mesh.settle()
        assert not names(mesh, ROLE)

    def test_pod_without_account_gets_none(self) -> None:
        """There is nobody to bind to."""
        mesh = Mesh()
        mesh.pod(policies=["p"])
        mesh.settle()
        assert not names(mesh, ROLE)

    def test_cluster_provider_is_granted_only_where_it_selects(self) -> None:
        """A named ClusterIdentityProvider can be read by the namespaces that it selects, and by no other."""
        mesh = Mesh("shop", "bank")
        mesh.cluster.put(NAMESPACE, "shop", labels={"team": "shop"})
        mesh.cluster_provider(namespaceSelector={"matchLabels": {"team": "shop"}})
        for space in ("shop", "bank"):
            mesh.account("cart", space)
            mesh.pod(namespace=space, provider="wide")
        mesh.settle()
        assert names(mesh, CLUSTER_ROLE) == [("", "aegis-proxy:shop:cart")]
        assert names(mesh, CLUSTER_ROLE_BINDING) == [("", "aegis-proxy:shop:cart")]
        role = mesh.cluster.objects[Key(CLUSTER_ROLE, "", "aegis-proxy:shop:cart")]
        assert role["rules"][0]["resources"] == ["clusteridentityproviders"]
        assert role["rules"][0]["resourceNames"] == ["wide"]
        assert granted(mesh) == granted(mesh, "bank") == {"identityproviders": ["wide"]}

    def test_selector_that_no_longer_matches_takes_the_rights_back(self) -> None:
        """A label taken from the namespace is noticed by the tick."""
        mesh = Mesh()
        mesh.cluster.put(NAMESPACE, "shop", labels={"team": "shop"})
        mesh.cluster_provider(namespaceSelector={"matchLabels": {"team": "shop"}})
        mesh.account("cart")
        mesh.pod(provider="wide")
        mesh.settle()
        mesh.cluster.put(NAMESPACE, "shop", labels={})
        mesh.tick()
        assert not names(mesh, CLUSTER_ROLE)
        assert not names(mesh, CLUSTER_ROLE_BINDING)

    def test_changed_identity_changes_the_rights(self) -> None:
        """The provider that an Identity names now is the one that its proxies may read."""
        mesh = Mesh()
        mesh.account("cart")
        mesh.identity(provider="idp")
        mesh.pod(identity="cart")
        mesh.settle()
        mesh.identity(provider="other")
        mesh.settle()
        assert granted(mesh)["identityproviders"] == ["other"]

    def test_foreign_role_of_our_name_is_not_touched_and_told(self) -> None:
        """A Role without our label stays as it is, nothing is bound to it, and an Event says why."""
        mesh = Mesh()
        mesh.account("cart")
        theirs = mesh.cluster.put(ROLE, "aegis-proxy-cart", "shop", rules=[])
        mesh.pod(policies=["p"])
        mesh.settle()
        mesh.tick()
        assert mesh.cluster.objects[theirs]["rules"] == []
        assert not names(mesh, ROLE_BINDING)
        assert mesh.cluster.told() == [("cart", "ForeignRole")]

    def test_role_edited_by_hand_is_put_right(self) -> None:
        """More rights than needed do not stay."""
        mesh = Mesh()
        mesh.account("cart")
        mesh.pod(policies=["p"])
        mesh.settle()
        everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
        mesh.cluster.put(ROLE, "aegis-proxy-cart", "shop", rules=everything)
        mesh.tick()
        assert granted(mesh) == {"ingresspolicies": ["p"]}

    def test_binding_to_another_role_is_made_anew(self) -> None:
        """A roleRef cannot be changed, so the binding is removed and made again."""
        mesh = Mesh()
        mesh.account("cart")
        mesh.pod(policies=["p"])
        mesh.settle()
        admin = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}
        key = mesh.cluster.put(ROLE_BINDING, "aegis-proxy-cart", "shop", roleRef=admin)
        mesh.tick()
        assert mesh.cluster.objects[key]["roleRef"]["name"] == "aegis-proxy-cart"

    def test_namespace_that_is_being_deleted_gets_no_rights(self) -> None:
        """Kubernetes would refuse to make them, and takes what there is along."""
        mesh = Mesh()
        mesh.account("cart")
        mesh.cluster.objects[Key(NAMESPACE, "", "shop")]["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
        assert mesh.tell(mesh.pod(policies=["p"])) is None
        assert not names(mesh, ROLE)

    def test_namespace_that_is_gone_needs_nothing(self) -> None:
        """An event about a pod of a removed namespace is done with."""
        mesh = Mesh()
        key = mesh.pod(namespace="gone")
        assert mesh.tell(key) is None


class TestNamespacesNeverMeet:
    def test_x20_identities_of_the_same_name_are_two(self) -> None:
        """X20: the same name in two namespaces is two roles at the provider; deleting one leaves the other."""
        mesh = Mesh("shop", "bank", makes_objects=True)
        for space in ("shop", "bank"):
            mesh.provider(namespace=space)
            mesh.identity(namespace=space)
        mesh.settle()
        assert sorted(mesh.plugin.objects) == ["bank-cart", "shop-cart"]
        mesh.cluster.remove(Key(IDENTITY, "shop", "cart"))
        mesh.settle()
        assert sorted(mesh.plugin.objects) == ["bank-cart"]

    def test_x20_provider_of_another_namespace_is_not_found(self) -> None:
        """X20: an IdentityProvider serves its own namespace only."""
        mesh = Mesh("shop", "bank")
        mesh.provider(namespace="bank")
        key = mesh.identity(namespace="shop")
        mesh.settle()
        assert mesh.cluster.condition(key, "Ready") == ("False", "ProviderNotFound")

    def test_x20_rights_of_one_namespace_leave_the_other_alone(self) -> None:
        """X20: the end of a namespace's pods prunes that namespace only, cluster roles included."""
        mesh = Mesh("a", "a-b")
        mesh.cluster_provider(namespaceSelector={})
        for space, account in (("a", "b-c"), ("a-b", "c")):
            mesh.account(account, space)
            mesh.pod(namespace=space, account=account, provider="wide", policies=["p"])
        mesh.settle()
        assert names(mesh, CLUSTER_ROLE) == [("", "aegis-proxy:a:b-c"), ("", "aegis-proxy:a-b:c")]
        mesh.cluster.remove(mesh.pod(namespace="a", account="b-c"))
        mesh.settle()
        assert names(mesh, CLUSTER_ROLE) == [("", "aegis-proxy:a-b:c")]
        assert names(mesh, ROLE) == [("a-b", "aegis-proxy-c")]

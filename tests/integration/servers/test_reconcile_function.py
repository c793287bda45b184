"""The deployed reconcile function, fed by Knative's own sources as `knative/60-events.yaml` says, on a real API server.

The sources lose events in more than one way; each test loses some, and the tick heals it.
"""

from collections.abc import Iterator

import pytest

from aegis_api.resources import GROUP
from servers.control_plane import ControlPlane
from servers.deployment import RBAC, UserNamespace, asked, no_right_missing
from servers.gate import Gate
from servers.knative_sources import PingSources
from servers.reconcile_function import ReconcileFunction
from support.event_sink import Event, EventSink
from support.kube_client import Object, path_of
from support.waiting import eventually

pytestmark = pytest.mark.servers

PING = "dev.knative.sources.ping"
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@pytest.fixture
def function(reconcile_function: ReconcileFunction, deployed_mesh: ControlPlane) -> Iterator[ReconcileFunction]:
    """The running function; throughout, it and its source have every right that they need."""
    with no_right_missing(deployed_mesh, "aegis-reconcile", "aegis-events"):
        yield reconcile_function


@pytest.fixture
def shop(deployed_mesh: ControlPlane, namespace: str) -> UserNamespace:
    """A namespace of the test's own."""
    return UserNamespace(deployed_mesh, namespace)


def accepted(shop: UserNamespace, policy: str) -> bool:
    """Whether the function has looked at that policy."""
    return shop.condition(policy, "Accepted") == "True"


def injected(name: str, account: str, **settings: str) -> Object:
    """A pod as the webhook leaves it, as far as the function looks."""
    env = [{"name": f"AEGIS_{key.upper()}", "value": value} for key, value in settings.items()]
    proxy = {"name": "aegis-proxy", "image": "x", "restartPolicy": "Always", "env": env}
    spec = {"serviceAccountName": account, "initContainers": [proxy], "containers": [{"name": "app", "image": "x"}]}
    return {"metadata": {"name": name, "labels": {"aegisproxy.io/injected": "true"}}, "spec": spec}


def test_events_converge_what_users_write(function: ReconcileFunction, shop: UserNamespace) -> None:
    """Objects in any order get a status that says of which generation it is, by real events alone."""
    with function.source():
        identity = shop.put("Identity", "cart", {"provider": "local"})
        policy = shop.policy("policy")
        eventually(lambda: shop.condition(identity) == "False")
        provider = shop.put("IdentityProvider", "local", {"type": "kubernetes", "audience": "aegis"})
        eventually(lambda: shop.condition(provider) == "True" and shop.condition(identity) == "True")
        eventually(lambda: accepted(shop, policy))
        assert shop.status(provider)["issuer"] == shop.cluster.issuer
        assert shop.status(identity)["subject"] == f"system:serviceaccount:{shop.name}:cart"
        shop.put("IdentityProvider", "local", {"type": "kubernetes", "audience": "another"})
        shop.put("Identity", "cart", {"provider": "local", "egress": {"hosts": []}})
        shop.policy("policy", enforcement="DryRun")
        paths = (provider, identity, policy)
        eventually(lambda: all(shop.status(path)["observedGeneration"] == 2 for path in paths))
        for path in paths:
            conditions = shop.status(path)["conditions"]
            assert {item["observedGeneration"] for item in conditions} == {2}
            assert all(item["reason"] and item["lastTransitionTime"] for item in conditions)


def test_own_writes_come_to_an_end(function: ReconcileFunction, shop: UserNamespace) -> None:
    """Once converged, neither the events of its own writes nor ticks make the function write again."""
    with EventSink(function.deliver) as front, function.source(front.url), PingSources(shop.cluster) as pings:
        shop.account("orders")
        shop.usual()
        shop.create_pod(injected("orders-1", "orders", identity="orders", policy="orders")).ok()
        role = path_of(RBAC, "roles", "aegis-proxy-orders", shop.name)
        eventually(lambda: shop.condition(shop.path("Identity", "orders")) == "True")
        eventually(lambda: accepted(shop, shop.path("IngressPolicy", "orders")))
        eventually(lambda: len(shop.client.get(role).ok()["rules"]) == 3)

        def ticks() -> int:
            return sum(event.type == PING for event in front.events)

        function.tick_often(pings, front.url)
        eventually(lambda: ticks() >= 1)
        position, heard = shop.cluster.audit_log.position(), ticks()
        eventually(lambda: ticks() >= heard + 2)
        made = asked(shop.cluster, "aegis-reconcile", position)
        assert made
        assert [item for item in made if item.verb in WRITES and item.namespace == shop.name] == []


def test_injected_pods_bring_rights_and_take_them_along(function: ReconcileFunction, shop: UserNamespace) -> None:
    """The source hears of pods by their label alone; the Role names what their proxies read, and no more."""
    shop.account("cart")
    role, binding = (path_of(RBAC, plural, "aegis-proxy-cart", shop.name) for plural in ("roles", "rolebindings"))
    with function.source():
        shop.create_pod(injected("cart-1", "cart", provider="local", policy="mine,ours")).ok()
        rules = eventually(lambda: shop.client.get(role).ok()["rules"])
        read = {"apiGroups": [GROUP], "verbs": ["get", "list", "watch"]}
        assert rules == [
            read | {"resources": ["ingresspolicies"], "resourceNames": ["mine", "ours"]},
            read | {"resources": ["identityproviders"], "resourceNames": ["local"]},
        ]
        bound = eventually(lambda: shop.client.get(binding).ok())
        assert bound["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "aegis-proxy-cart"}
        assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "cart", "namespace": shop.name}]
        shop.create_pod(injected("cart-2", "cart", policy="mine")).ok()
        shop.delete_pod("cart-1")
        eventually(lambda: [rule["resourceNames"] for rule in shop.client.get(role).ok()["rules"]] == [["mine"]])
        shop.delete_pod("cart-2")
        eventually(lambda: shop.client.get(role).status == shop.client.get(binding).status == 404)


def test_garbage_collector_takes_what_the_function_made(function: ReconcileFunction, shop: UserNamespace) -> None:
    """Owner references lead from the Identity to its ServiceAccount and on to the Role: all go without the function."""
    made = [
        path_of("v1", "serviceaccounts", "orders", shop.name),
        *(path_of(RBAC, plural, "aegis-proxy-orders", shop.name) for plural in ("roles", "rolebindings")),
    ]
    with function.source():
        shop.usual()
        eventually(lambda: shop.client.get(made[0]).status == 200)
        shop.create_pod(injected("orders-1", "orders", identity="orders")).ok()
        eventually(lambda: all(shop.client.get(path).status == 200 for path in made))
    shop.client.delete(shop.path("Identity", "orders")).ok()
    # The collector learns of new kinds every 30 s only.
    eventually(lambda: all(shop.client.get(path).status == 404 for path in made), seconds=90)


def test_tick_heals_what_was_there_before_the_source(function: ReconcileFunction, shop: UserNamespace) -> None:
    """The source replays nothing at its start."""
    before = shop.policy("before")
    with function.source():
        after = shop.policy("after")
        eventually(lambda: accepted(shop, after))
        assert shop.condition(before, "Accepted") is None
        with PingSources(shop.cluster) as pings:
            function.tick_often(pings)
            eventually(lambda: accepted(shop, before))


def test_tick_heals_what_410_lost(function: ReconcileFunction, shop: UserNamespace) -> None:
    """After an expired resourceVersion the source lists again and sends nothing of what it finds."""
    with Gate(shop.cluster.port) as gate, function.source(server=gate.url) as source:
        gate.close()
        lost = shop.policy("lost")
        shop.cluster.expire_resource_versions()
        position = shop.cluster.audit_log.position()
        gate.open()
        source.wait_until_watching(position)
        seen = shop.policy("seen")
        eventually(lambda: accepted(shop, seen))
        assert shop.condition(lost, "Accepted") is None
        with PingSources(shop.cluster) as pings:
            function.tick_often(pings)
            eventually(lambda: accepted(shop, lost))


def test_tick_heals_what_a_restart_of_the_source_lost(function: ReconcileFunction, shop: UserNamespace) -> None:
    """While the adapter is down nobody hears of anything, deletions of pods included."""
    shop.account("cart")
    role = path_of(RBAC, "roles", "aegis-proxy-cart", shop.name)
    with function.source() as source, PingSources(shop.cluster) as pings:
        shop.create_pod(injected("cart-1", "cart", policy="policy")).ok()
        eventually(lambda: shop.client.get(role).status == 200)
        source.process.kill()
        lost = shop.policy("lost")
        shop.delete_pod("cart-1")
        source.start()
        seen = shop.policy("seen")
        eventually(lambda: accepted(shop, seen))
        assert shop.condition(lost, "Accepted") is None
        assert shop.client.get(role).status == 200
        function.tick_often(pings)
        eventually(lambda: accepted(shop, lost) and shop.client.get(role).status == 404)


def test_restart_of_the_function_is_bridged_by_retries(function: ReconcileFunction, shop: UserNamespace) -> None:
    """A source tries a function that is not there again for about three seconds; after that the tick helps."""
    with function.source(), PingSources(shop.cluster) as pings:
        function.process.stop()
        policy = shop.policy("policy")
        function.start()
        function.tick_often(pings)
        eventually(lambda: accepted(shop, policy))


def test_500_drops_an_event_until_the_tick(function: ReconcileFunction, shop: UserNamespace) -> None:
    """What a proxy before the function answers 500 is never sent again: this is why the function never says 500."""
    refused: list[Event] = []

    def answer(event: Event) -> int:
        if event.name == "lost" and not refused:
            refused.append(event)
            return 500
        return function.deliver(event)

    with EventSink(answer) as front, function.source(front.url), PingSources(shop.cluster) as pings:
        lost, seen = shop.policy("lost"), shop.policy("seen")
        eventually(lambda: accepted(shop, seen))
        assert [event.name for event in front.events].count("lost") == 1
        assert shop.condition(lost, "Accepted") is None
        function.tick_often(pings, front.url)
        eventually(lambda: accepted(shop, lost))


def test_503_brings_an_event_again(function: ReconcileFunction, shop: UserNamespace) -> None:
    """While the function cannot reach the API server it answers 503, and the source keeps the event for it."""
    answers: list[tuple[str, int]] = []

    def answer(event: Event) -> int:
        status = function.deliver(event)
        if event.name == "late":
            answers.append((event.id, status))
            function.gate.open()
        return status

    with EventSink(answer) as front, function.source(front.url):
        function.gate.close()
        try:
            late = shop.policy("late")
            eventually(lambda: accepted(shop, late))
        finally:
            function.gate.open()
        eventually(lambda: len(answers) >= 2)
    (first, status), (second, again) = answers[:2]
    assert (status, again) == (503, 204)
    assert first == second

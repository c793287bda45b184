"""The deployed admission function, registered by its own manifest and called by a real API server over TLS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.control_plane import ControlPlane
from servers.deployment import SYSTEM, UserNamespace, asked, no_right_missing
from servers.webhook_function import WebhookFunction
from support.admission import Case, cases, patched, pod, review
from support.kube_client import Answer, Object, path_of
from support.waiting import eventually
from support.webhook_server import WebhookServer, patch

pytestmark = pytest.mark.servers

ADMISSION = "admissionregistration.k8s.io/v1"
MUTATE, GATE, VALIDATE = "mutate.aegisproxy.io", "validate-pod.aegisproxy.io", "validate.aegisproxy.io"
IN_AND_OUT = {
    "ingress": "true",
    "ingress.port": "8080",
    "ingress.policy": "orders",
    "identity": "orders",
    "egress": "true",
}
CASES = {case.name: case for case in cases()}
RESTRICTED: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def webhook(webhook_function: WebhookFunction) -> Iterator[WebhookFunction]:
    """The function, as the API server calls it for all namespaces but those of the systems."""
    with webhook_function.registered():
        yield webhook_function


@pytest.fixture
def shop(webhook: WebhookFunction, real_control_plane: ControlPlane, namespace: str) -> Iterator[UserNamespace]:
    """A namespace with the usual objects; throughout, the function has every right that it needs."""
    found = UserNamespace(real_control_plane, namespace)
    for account in ("default", "orders"):
        found.account(account)
    with no_right_missing(real_control_plane, "aegis-webhook"):
        found.usual()
        yield found


class Calls:
    """How many calls of each webhook there were since it was made, or since the last look."""

    def __init__(self, webhook: WebhookFunction) -> None:
        self._webhook = webhook
        self._before = webhook.calls()

    def new(self, answer: Answer | None = None) -> dict[str, int]:
        if answer is not None:
            answer.ok()
        before, self._before = self._before, self._webhook.calls()
        counted = {name: count - before.get(name, 0) for name, count in self._before.items()}
        return {name: count for name, count in counted.items() if count}


def named(name: str, document: Object, **metadata: Any) -> Object:
    """The pod under another name."""
    return {**document, "metadata": {**document["metadata"], "name": name, **metadata}}


def holds(found: Any, expected: Any) -> bool:
    """Whether `found` is `expected`, apart from members that the API server added or, being empty, left out."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(holds(found.get(key, ""), item) for key, item in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(holds, found, expected))
    return bool(found == expected)


def ours(spec: Object) -> Object:
    """What the webhook put into a pod's spec."""
    return {
        "serviceAccountName": spec["serviceAccountName"],
        "initContainers": [item for item in spec["initContainers"] if item["name"].startswith("aegis-")],
        "volumes": [item for item in spec.get("volumes", []) if item["name"].startswith("aegis-")],
        "env": [container.get("env") for container in spec["containers"]],
    }


@pytest.mark.parametrize("name", ["ingress-and-egress", "egress-only", "redirect-none", "probes", "exclusions"])
def test_injected_pod_is_stored_as_the_function_made_it(
    shop: UserNamespace, webhook: WebhookFunction, name: str
) -> None:
    """What the API server stores is what the function alone answers for that pod, and its defaults around it."""
    case: Case = CASES[name]
    response = webhook.ask("/mutate", review(case.document["pod"], namespace=shop.name))
    alone = patched(case.document["pod"], response)
    stored = shop.create_pod(case.document["pod"]).ok()
    assert [item["name"] for item in ours(alone["spec"])["initContainers"]][-1] == "aegis-proxy"
    assert holds(ours(stored["spec"]), ours(alone["spec"]))
    assert stored["metadata"]["labels"] == {"aegisproxy.io/injected": "true"}
    assert shop.client.get(path_of("v1", "pods", "orders-1", shop.name)).ok()["spec"] == stored["spec"]


def test_only_pods_that_ask_reach_the_function(shop: UserNamespace, webhook: WebhookFunction) -> None:
    """The API server evaluates the matchConditions: plain pods cost no call, one with our label alone is looked at."""
    calls = Calls(webhook)
    assert calls.new(shop.create_pod(pod())) == {}
    other = named("other", pod(), labels={"a": "b"}, annotations={"example.com/aegisproxy.io": "true"})
    assert calls.new(shop.create_pod(other)) == {}
    # Asked again, because the ServiceAccount admission adds its volume to the containers that came.
    assert calls.new(shop.create_pod(named("asks", pod(IN_AND_OUT)))) == {MUTATE: 2, GATE: 1}
    assert shop.create_pod(named("claims", pod(), labels={"aegisproxy.io/injected": "true"})).status == 403
    assert calls.new() == {GATE: 1}


def test_system_namespaces_are_left_alone(shop: UserNamespace, webhook: WebhookFunction) -> None:
    """What the webhook itself needs to come up never waits for it, whatever its pods say."""
    calls = Calls(webhook)
    for name in ("kube-system", SYSTEM):
        system = UserNamespace(shop.cluster, name)
        system.account("default")
        stored = system.create_pod(pod(IN_AND_OUT), dryRun="All").ok()
        assert "initContainers" not in stored["spec"]
    assert calls.new() == {}


def test_dry_run_is_answered_and_changes_nothing(shop: UserNamespace) -> None:
    """The author of a dry run sees the injected pod; nothing is stored, and the function never writes anything."""
    position = shop.cluster.audit_log.position()
    answered = shop.create_pod(pod(IN_AND_OUT), dryRun="All").ok()
    assert answered["spec"]["initContainers"][-1]["name"] == "aegis-proxy"
    assert shop.client.get(path_of("v1", "pods", "p", shop.name)).status == 404
    assert {item.verb for item in asked(shop.cluster, "aegis-webhook", position)} <= {"get"}


@pytest.fixture
def later_webhook(shop: UserNamespace, tmp_path: Path) -> Iterator[WebhookServer]:
    """Another mutating webhook for pods of the namespace, which the API server calls after ours."""
    with WebhookServer(tmp_path) as server:
        hook = {
            "name": "later.tests.example",
            "clientConfig": server.client_config("/"),
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": shop.name}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
        }
        collection = path_of(ADMISSION, "mutatingwebhookconfigurations")
        kind = {"apiVersion": ADMISSION, "kind": "MutatingWebhookConfiguration"}
        shop.client.create(collection, kind | {"metadata": {"name": "later"}, "webhooks": [hook]}).ok()
        eventually(lambda: shop.create_pod(pod(), dryRun="All").ok() and server.calls)
        yield server
        shop.client.delete(f"{collection}/later").ok()


def test_reinvocation_leaves_one_sidecar(
    shop: UserNamespace, webhook: WebhookFunction, later_webhook: WebhookServer
) -> None:
    """After another webhook added a container, ours is asked again, sees its work and adapts what is new alone."""
    added = {"name": "added", "image": "added"}
    later_webhook.decide = patch({"op": "add", "path": "/spec/containers/-", "value": added})
    calls = Calls(webhook)
    stored = shop.create_pod(pod(IN_AND_OUT | {"redirect": "none"})).ok()
    assert calls.new() == {MUTATE: 2, "later.tests.example": 1, GATE: 1}
    assert [item["name"] for item in stored["spec"]["initContainers"]] == ["aegis-proxy"]
    assert [item["name"] for item in stored["spec"]["containers"]] == ["app", "added"]
    for container in stored["spec"]["containers"]:
        assert {"name": "HTTP_PROXY", "value": "http://127.0.0.1:3128"} in container["env"]


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        ({"op": "replace", "path": "/spec/initContainers/0/image", "value": "evil"}, "aegis-proxy"),
        ({"op": "add", "path": "/spec/hostNetwork", "value": True}, "hostNetwork"),
    ],
    ids=["another image", "the node's network"],
)
def test_what_was_changed_afterwards_is_refused(
    shop: UserNamespace, later_webhook: WebhookServer, operation: Object, sentence: str
) -> None:
    """A sidecar that another webhook changed is not ours any more, and a pod that gets around it does not start."""
    later_webhook.decide = patch(operation)
    answer = shop.create_pod(pod(IN_AND_OUT | {"redirect": "none"}))
    assert answer.status == 403
    assert "aegisproxy.io" in answer.message
    assert sentence in answer.message


@pytest.mark.parametrize(
    "name",
    [
        "refuse-shell-in-port",
        "refuse-no-such-identity",
        "refuse-net-admin",
        "refuse-host-network",
        "refuse-unknown-annotation",
    ],
)
def test_refusal_reaches_the_author(shop: UserNamespace, name: str) -> None:
    """kubectl shows the function's sentence, and the pod is not there."""
    case = CASES[name]
    answer = shop.create_pod(case.document["pod"])
    assert answer.status == 403
    wanted = case.document["refuse"].replace("namespace shop", f"namespace {shop.name}")
    assert answer.message.startswith(f'admission webhook "{MUTATE}" denied the request: ')
    assert wanted in answer.message
    assert shop.client.get(path_of("v1", "pods", "orders-1", shop.name)).status == 404


@pytest.mark.parametrize(
    ("kind", "spec", "sentence"),
    [
        (
            "IdentityProvider",
            {"type": "kubernetes", "audience": "aegis", "config": {"isuer": "x"}},
            "spec.config: got the unknown field isuer",
        ),
        ("IdentityProvider", {"type": "no.such", "audience": "aegis"}, "no.such"),
        (
            "ClusterIdentityProvider",
            {"type": "kubernetes", "audience": "aegis", "config": {"expirationSeconds": 1}},
            "spec.config.expirationSeconds",
        ),
    ],
    ids=["unknown setting", "unknown plugin", "setting out of range"],
)
def test_what_no_schema_can_say_is_judged(shop: UserNamespace, kind: str, spec: Object, sentence: str) -> None:
    """Plugins and their settings are checked before an object is stored."""
    answer = shop.write(kind, "wrong", spec)
    assert answer.status == 422
    assert f'admission webhook "{VALIDATE}" denied the request' in answer.message
    assert sentence in answer.message
    assert shop.client.get(shop.path(kind, "wrong")).status == 404


def test_warnings_reach_the_author(shop: UserNamespace) -> None:
    """What is allowed, and likely a mistake, is said with the answer (RFC 7234 section 5.5)."""
    answer = shop.write("Identity", "early", {"provider": "not-yet"})
    answer.ok()
    assert "no ClusterIdentityProvider not-yet whose namespaceSelector selects it" in answer.headers["Warning"]
    assert "denies every request" in shop.write("IngressPolicy", "none", {"rules": []}).headers["Warning"]


def test_w10_without_the_function_no_pod_asks_in_vain(shop: UserNamespace, webhook: WebhookFunction) -> None:
    """failurePolicy Fail: while it is down, pods and specs that need it are refused, and nothing else is held up."""
    webhook.process.stop()
    try:
        for answer in (shop.create_pod(pod(IN_AND_OUT)), shop.write("IngressPolicy", "new", {"rules": []})):
            assert answer.status == 500
            assert "failed calling webhook" in answer.message
        shop.create_pod(pod()).ok()
        metadata = {"metadata": {"labels": {"a": "b"}, "finalizers": ["example.com/x"]}}
        policy = shop.path("IngressPolicy", "orders")
        shop.client.patch(policy, metadata).ok()
        shop.client.delete(policy).ok()
        shop.client.patch(policy, {"metadata": {"finalizers": None}}).ok()
        assert shop.client.get(policy).status == 404
    finally:
        webhook.start()
    injected = shop.create_pod(named("asks", pod(IN_AND_OUT))).ok()
    assert injected["spec"]["initContainers"]


class TestPodSecurity:
    """The Pod Security admission of the API server itself, at its strictest level."""

    @pytest.fixture
    def strict(self, shop: UserNamespace) -> UserNamespace:
        """The namespace enforces `restricted`."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        shop.client.patch(path_of("v1", "namespaces", shop.name), {"metadata": {"labels": labels}}).ok()
        eventually(lambda: shop.create_pod(pod(), dryRun="All").status == 403)
        return shop

    def restricted(self, **annotations: str) -> Object:
        """A pod whose own container passes."""
        asks = pod(IN_AND_OUT | annotations)
        asks["spec"]["containers"][0]["securityContext"] = RESTRICTED
        return asks

    def test_without_redirection_the_injected_pod_passes(self, strict: UserNamespace) -> None:
        """The sidecar asks for nothing that `restricted` forbids."""
        stored = strict.create_pod(self.restricted(redirect="none")).ok()
        assert [item["name"] for item in stored["spec"]["initContainers"]] == ["aegis-proxy"]

    def test_with_redirection_it_is_refused(self, strict: UserNamespace) -> None:
        """Setting iptables rules takes NET_ADMIN and root; the answer names the container and the reason."""
        answer = strict.create_pod(self.restricted())
        assert answer.status == 403
        assert 'violates PodSecurity "restricted:latest"' in answer.message
        assert (
            'container "aegis-init" must not include "NET_ADMIN", "NET_RAW" in securityContext.capabilities.add'
            in answer.message
        )
        assert 'container "aegis-proxy"' not in answer.message
        assert 'container "app"' not in answer.message

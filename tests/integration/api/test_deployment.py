"""The manifests in `knative/`: an API server takes them, and calls the webhook for what concerns it alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.kube_client import Answer, KubeClient, Object, path_of
from support.waiting import eventually
from support.webhook_server import WebhookServer

MANIFESTS = Path(__file__).parents[3] / "knative"
ADMISSION = "admissionregistration.k8s.io/v1"
MESH = "aegis.aegisproxy.io/v1"
SYSTEM = {"aegis-system", "kube-system", "knative-serving", "knative-eventing"}


def documents(*kinds: str) -> list[Object]:
    """The documents of these kinds, of all manifests in the order of `kubectl apply -f knative/`."""
    found = [doc for file in sorted(MANIFESTS.glob("*.yaml")) for doc in yaml.safe_load_all(file.read_text())]
    return [doc for doc in found if doc["kind"] in kinds]


class Admission:
    """The webhooks as deployed, for the test's namespace alone and at the test's own server."""

    def __init__(self, client: KubeClient, namespace: str, server: WebhookServer) -> None:
        self.client, self.namespace, self.server = client, namespace, server
        self._paths: list[str] = []

    def register(self) -> None:
        for document in documents("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
            collection = path_of(ADMISSION, document["kind"].lower() + "s")
            name = f"{self.namespace}-{document['metadata']['name']}"
            hooks = [
                {
                    **hook,
                    "clientConfig": self.server.client_config(hook["clientConfig"]["service"]["path"]),
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
                }
                for hook in document["webhooks"]
            ]
            self.client.create(collection, {**document, "metadata": {"name": name}, "webhooks": hooks}).ok()
            self._paths.append(f"{collection}/{name}")
        eventually(
            lambda: self.called(self.pod("canary", annotations={"aegisproxy.io/ingress": "true"}, dry=True)) == 2
        )
        eventually(lambda: self.called(self.policy("canary", [], dry=True)) == 1)

    def called(self, _: Answer) -> int:
        """How many calls the last request brought."""
        count = len(self.server.calls)
        self.server.calls.clear()
        return count

    def pod(self, name: str, dry: bool = False, **metadata: Any) -> Answer:
        spec = {"containers": [{"name": "app", "image": "app"}]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}
        return self.client.create(path_of("v1", "pods", namespace=self.namespace), body, **_dry(dry))

    def policy(self, name: str, rules: list[Object], dry: bool = False, **metadata: Any) -> Answer:
        body = {
            "apiVersion": MESH,
            "kind": "IngressPolicy",
            "metadata": {"name": name, **metadata},
            "spec": {"rules": rules},
        }
        path = path_of(MESH, "ingresspolicies", name, self.namespace)
        return self.client.apply(path, body, force=True, **_dry(dry))

    def end(self) -> None:
        for path in self._paths:
            self.client.delete(path).ok()


def _dry(dry: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry else {}


@pytest.fixture
def admission(client: KubeClient, namespace: str, tmp_path: Path) -> Iterator[Admission]:
    """The deployed webhooks, answered by a server that allows everything."""
    with WebhookServer(tmp_path) as server:
        found = Admission(client, namespace, server)
        try:
            found.register()
            yield found
        finally:
            found.end()


@pytest.mark.parametrize("document", documents("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"))
def test_webhook_configurations_are_taken_as_they_are(client: KubeClient, document: Object) -> None:
    """Conditions compile, and nothing is left to a default that would open or block something."""
    path = path_of(ADMISSION, document["kind"].lower() + "s", document["metadata"]["name"])
    taken = client.apply(path, document, dryRun="All").ok()
    for hook in taken["webhooks"]:
        assert (hook["failurePolicy"], hook["sideEffects"], hook["timeoutSeconds"]) == ("Fail", "None", 5)
        pods = any("pods" in rule["resources"] for rule in hook["rules"])
        excluded = [item["values"] for item in hook["namespaceSelector"].get("matchExpressions", [])]
        assert not pods or SYSTEM.issubset(excluded[0])
        assert hook.get("reinvocationPolicy", "IfNeeded") == "IfNeeded"


def test_core_objects_are_taken_as_they_are(client: KubeClient, namespace: str) -> None:
    """The Secret that is filled in later, and the Service that Knative does not make."""
    for document in documents("Secret", "Service"):
        if document["apiVersion"] == "v1":
            plural = document["kind"].lower() + "s"
            moved = {**document, "metadata": {**document["metadata"], "namespace": namespace}}
            path = path_of("v1", plural, document["metadata"]["name"], namespace)
            client.apply(path, moved, dryRun="All").ok()


def test_webhook_hears_of_pods_that_ask(admission: Admission) -> None:
    """An annotation of ours, whatever it says, brings both calls; a plain pod brings none."""
    assert admission.called(admission.pod("plain")) == 0
    assert admission.called(admission.pod("other", annotations={"example.com/x": "y"}, labels={"a": "b"})) == 0
    assert admission.called(admission.pod("in", annotations={"aegisproxy.io/ingress": "true"})) == 2
    assert admission.called(admission.pod("misspelt", annotations={"aegisproxy.io/ingres": "true"})) == 2


def test_webhook_hears_of_pods_that_claim_to_be_in_the_mesh(admission: Admission) -> None:
    """The label alone brings the last look, which refuses it."""
    admission.pod("claims", labels={"aegisproxy.io/injected": "true"}).ok()
    assert [call.path for call in admission.server.calls] == ["/validate-pod?timeout=5s"]


def test_webhook_hears_of_what_a_policy_says(admission: Admission) -> None:
    """A new spec is judged; labels, status and the end of an object are not, so that nothing holds up a finalizer."""
    assert admission.called(admission.policy("policy", [])) == 1
    rule = {"identities": ["a"], "methods": ["GET"], "paths": ["/"]}
    assert admission.called(admission.policy("policy", [rule])) == 1
    assert admission.called(admission.policy("policy", [rule], labels={"a": "b"}, finalizers=["example.com/x"])) == 0
    path = path_of(MESH, "ingresspolicies", "policy", admission.namespace)
    admission.client.delete(path).ok()
    assert admission.called(admission.client.patch(path, {"metadata": {"finalizers": None}})) == 0
    assert admission.client.get(path).status == 404

"""Admission webhooks, called by the API server over TLS: when, with what, and what becomes of their answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.kube_client import KubeClient, Object, path_of
from support.waiting import eventually
from support.webhook_server import WebhookServer, allow, patch, refuse
from support.widgets import widget, widgets_in

ADMISSION = "admissionregistration.k8s.io/v1"


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[WebhookServer]:
    """A webhook that allows everything until it is told otherwise."""
    with WebhookServer(tmp_path) as server:
        yield server


class Hooks:
    """Registers webhooks for the widgets of one namespace."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self.client, self.namespace = client, namespace
        self._paths: list[str] = []

    def register(self, server: WebhookServer, mutating: bool = True, path: str = "/mutate", **changes: Any) -> None:
        """Register a webhook, and wait until the API server calls it: a canary must reach it."""
        kind = "MutatingWebhookConfiguration" if mutating else "ValidatingWebhookConfiguration"
        collection = path_of(ADMISSION, f"{kind.lower()}s")
        name = f"{self.namespace}-{len(self._paths)}"
        hook = {
            "name": "widgets.tests.example",
            "clientConfig": server.client_config(path),
            "rules": [
                {
                    "apiGroups": ["tests.example"],
                    "apiVersions": ["v1"],
                    "resources": ["widgets"],
                    "operations": ["CREATE", "UPDATE", "DELETE"],
                }
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 5,
        } | changes
        body = {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": name}, "webhooks": [hook]}
        self.client.create(collection, body).ok()
        self._paths.append(f"{collection}/{name}")

    def wait_until_called(self, server: WebhookServer, **canary: Any) -> None:
        """Wait until a dry-run canary reaches the webhook, and forget that call."""

        def called() -> bool:
            self.client.create(widgets_in(self.namespace), widget("canary") | canary, dryRun="All")
            return bool(server.calls)

        eventually(called)
        server.calls.clear()

    def end(self) -> None:
        """Take the webhooks out again."""
        for path in self._paths:
            self.client.delete(path).ok()


@pytest.fixture
def hooks(client: KubeClient, namespace: str) -> Iterator[Hooks]:
    """Registration of webhooks for the test's namespace."""
    registered = Hooks(client, namespace)
    yield registered
    registered.end()


def test_review_says_what_is_asked(client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks) -> None:
    """The request holds uid, kind, resource, name, namespace, operation, user, object and options."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    client.create(widgets_in(namespace), widget("a"), fieldManager="me").ok()
    (call,) = webhook.calls
    assert call.path == "/mutate?timeout=5s"
    request = call.request
    assert request["kind"] == {"group": "tests.example", "version": "v1", "kind": "Widget"}
    assert request["resource"] == {"group": "tests.example", "version": "v1", "resource": "widgets"}
    assert (request["operation"], request["name"], request["namespace"]) == ("CREATE", "a", namespace)
    assert request["requestKind"] == request["kind"]
    assert request["requestResource"] == request["resource"]
    assert request["dryRun"] is False
    assert request["oldObject"] is None
    assert request["object"]["spec"] == {"size": 1, "colour": "red"}
    assert request["object"]["kind"] == "Widget"
    assert request["options"] == {
        "kind": "CreateOptions",
        "apiVersion": "meta.k8s.io/v1",
        "fieldManager": "me",
    }
    assert "system:masters" in request["userInfo"]["groups"]
    assert len(request["uid"]) == 36


def test_patch_changes_the_object(client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks) -> None:
    """A JSON Patch of a mutating webhook is applied before the object is validated and stored."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    webhook.decide = patch(
        {"op": "replace", "path": "/spec/size", "value": 42},
        {"op": "add", "path": "/metadata/labels", "value": {"injected": "yes"}},
    )
    created = client.create(widgets_in(namespace), widget("a")).ok()
    assert created["spec"]["size"] == 42
    assert created["metadata"]["labels"] == {"injected": "yes"}


def test_patched_object_is_validated(client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks) -> None:
    """A patch that breaks the schema is refused like any bad object."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    webhook.decide = patch({"op": "replace", "path": "/spec/size", "value": 1000})
    answer = client.create(widgets_in(namespace), widget("a"))
    assert (answer.status, answer.reason) == (422, "Invalid")


def test_refusal_reaches_the_user(client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks) -> None:
    """The message of the webhook is in the answer, with its code, and nothing is stored."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    webhook.decide = refuse("no widgets on Sundays", 418)
    answer = client.create(widgets_in(namespace), widget("a"))
    assert answer.status == 418
    assert answer.message == 'admission webhook "widgets.tests.example" denied the request: no widgets on Sundays'
    assert client.get(widgets_in(namespace, "a")).status == 404


def test_warnings_are_passed_on(client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks) -> None:
    """Warnings of a webhook become Warning headers."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    webhook.decide = lambda _: {"allowed": True, "warnings": ["careful"]}
    assert client.create(widgets_in(namespace), widget("a")).headers["Warning"] == '299 - "careful"'


def test_update_and_delete_show_the_old_object(
    client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks
) -> None:
    """An update holds both objects, a delete the old one only."""
    client.create(widgets_in(namespace), widget("a")).ok()
    hooks.register(webhook, mutating=False)
    hooks.wait_until_called(webhook)
    client.patch(widgets_in(namespace, "a"), {"spec": {"size": 2}}).ok()
    client.delete(widgets_in(namespace, "a")).ok()
    update, delete = (call.request for call in webhook.calls)
    assert (update["operation"], delete["operation"]) == ("UPDATE", "DELETE")
    assert (update["oldObject"]["spec"]["size"], update["object"]["spec"]["size"]) == (1, 2)
    assert delete["object"] is None
    assert delete["oldObject"]["spec"]["size"] == 2


def test_validating_webhook_sees_what_mutation_made(
    client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks, tmp_path: Path
) -> None:
    """Mutating webhooks come first, validating ones judge their result."""
    (tmp_path / "second").mkdir()
    with WebhookServer(tmp_path / "second") as judge:
        hooks.register(webhook)
        hooks.register(judge, mutating=False, path="/validate")
        hooks.wait_until_called(webhook)
        hooks.wait_until_called(judge)
        webhook.decide = patch({"op": "replace", "path": "/spec/size", "value": 42})
        client.create(widgets_in(namespace), widget("a")).ok()
        assert judge.calls[-1].request["object"]["spec"]["size"] == 42


def test_dry_run_is_said(client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks) -> None:
    """A dry run reaches webhooks without side effects, marked as one, and their patch shows in the answer."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    webhook.decide = patch({"op": "replace", "path": "/spec/size", "value": 42})
    answer = client.create(widgets_in(namespace), widget("a"), dryRun="All").ok()
    assert webhook.calls[-1].request["dryRun"] is True
    assert answer["spec"]["size"] == 42


def test_apply_is_admitted_too(client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks) -> None:
    """Server-side apply that creates is a CREATE with the merged object."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    client.apply(widgets_in(namespace, "a"), widget("a", size=3)).ok()
    request = webhook.calls[-1].request
    assert (request["operation"], request["object"]["spec"]["size"]) == ("CREATE", 3)


def test_match_conditions_choose_the_objects(
    client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks
) -> None:
    """A webhook with CEL matchConditions is called only for objects that fulfil all of them."""
    expression = "has(object.metadata.annotations) && 'tests.example/in' in object.metadata.annotations"
    hooks.register(webhook, matchConditions=[{"name": "annotated", "expression": expression}])
    annotated = {"metadata": {"name": "canary", "annotations": {"tests.example/in": "true"}}}
    hooks.wait_until_called(webhook, **annotated)
    client.create(widgets_in(namespace), widget("plain")).ok()
    assert webhook.calls == []
    client.create(widgets_in(namespace), widget("in") | {"metadata": {**annotated["metadata"], "name": "in"}}).ok()
    assert [call.request["name"] for call in webhook.calls] == ["in"]


def test_object_selector_chooses_by_label(
    client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks
) -> None:
    """A webhook with an objectSelector is called only for objects with the labels."""
    hooks.register(webhook, objectSelector={"matchLabels": {"in": "yes"}})
    hooks.wait_until_called(webhook, metadata={"name": "canary", "labels": {"in": "yes"}})
    client.create(widgets_in(namespace), widget("plain")).ok()
    assert webhook.calls == []


def test_other_namespaces_are_left_alone(
    client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks
) -> None:
    """The namespaceSelector keeps a webhook to its namespaces."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    client.create(widgets_in("default"), widget(namespace), dryRun="All").ok()
    assert webhook.calls == []


@pytest.mark.parametrize(("policy", "status"), [("Fail", 500), ("Ignore", 201)])
def test_dead_webhook_follows_its_failure_policy(
    client: KubeClient, namespace: str, tmp_path: Path, hooks: Hooks, policy: str, status: int
) -> None:
    """Nobody listening: Fail refuses the request, Ignore lets it through."""
    with WebhookServer(tmp_path) as server:
        hooks.register(server, failurePolicy=policy)
        hooks.wait_until_called(server)
    answer = client.create(widgets_in(namespace), widget("a"))
    assert answer.status == status
    if policy == "Fail":
        assert answer.reason == "InternalError"
        assert 'failed calling webhook "widgets.tests.example"' in answer.message


def test_untrusted_webhook_is_not_believed(
    client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks, tmp_path: Path
) -> None:
    """A certificate that the caBundle does not vouch for is a failed call."""
    (tmp_path / "other").mkdir()
    with WebhookServer(tmp_path / "other") as other:
        config = webhook.client_config("/mutate") | {"caBundle": other.client_config("/")["caBundle"]}
        hooks.register(webhook, clientConfig=config)
        eventually(lambda: client.create(widgets_in(namespace), widget("a"), dryRun="All").reason == "InternalError")
    assert webhook.calls == []


@pytest.mark.parametrize(
    "answer",
    [
        {"allowed": True, "patchType": "JSONPatch", "patch": "not base64!"},
        {"allowed": True, "patchType": "MergePatch", "patch": "e30="},
        {"allowed": True, "patchType": "JSONPatch", "patch": "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL25vcGUifV0="},
    ],
    ids=["no base64", "unknown patch type", "patch that does not apply"],
)
def test_broken_answer_fails_the_request(
    client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks, answer: Object
) -> None:
    """An answer that cannot be used is a 500 under failurePolicy Fail."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    webhook.decide = lambda _: answer
    assert client.create(widgets_in(namespace), widget("a")).status == 500


def test_failed_answer_does_not_stick(client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks) -> None:
    """After a refusal the next request is judged anew."""
    hooks.register(webhook)
    hooks.wait_until_called(webhook)
    webhook.decide = refuse("not now")
    assert client.create(widgets_in(namespace), widget("a")).status == 403
    webhook.decide = allow
    assert client.create(widgets_in(namespace), widget("a")).status == 201


def test_bad_registration_is_refused(client: KubeClient) -> None:
    """A webhook without sideEffects or with plain http is 422."""
    hook = {
        "name": "widgets.tests.example",
        "clientConfig": {"url": "http://127.0.0.1:1/x"},
        "rules": [{"apiGroups": ["a"], "apiVersions": ["v1"], "resources": ["b"], "operations": ["CREATE"]}],
        "admissionReviewVersions": ["v1"],
    }
    body = {"metadata": {"name": "bad"}, "webhooks": [hook]}
    answer = client.create(path_of(ADMISSION, "mutatingwebhookconfigurations"), body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    fields = {cause["field"] for cause in answer.body["details"]["causes"]}
    assert {"webhooks[0].sideEffects", "webhooks[0].clientConfig.url"} <= fields


def test_reinvocation_sees_the_other_webhooks_patch(
    client: KubeClient, namespace: str, webhook: WebhookServer, hooks: Hooks, tmp_path: Path
) -> None:
    """With reinvocationPolicy IfNeeded a webhook is asked again when a later one changed the object."""
    (tmp_path / "second").mkdir()
    with WebhookServer(tmp_path / "second") as later:
        hooks.register(webhook, reinvocationPolicy="IfNeeded")
        hooks.register(later)
        hooks.wait_until_called(webhook)
        hooks.wait_until_called(later)
        webhook.calls.clear()
        later.decide = patch({"op": "replace", "path": "/spec/size", "value": 42})
        client.create(widgets_in(namespace), widget("a")).ok()
        assert [call.request["object"]["spec"]["size"] for call in webhook.calls] == [1, 42]

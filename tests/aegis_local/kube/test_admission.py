from pathlib import Path
from typing import Any

import pytest

from aegis_local.kube.admission import WebhookAdmission
from aegis_local.kube.errors import ApiError
from aegis_local.kube.kinds import builtin_kinds
from aegis_local.kube.objects import Object
from aegis_local.kube.store import Store
from aegis_local.kube.users import ADMIN
from aegis_local.kube.webhook_call import no_services
from aegis_local.kube.writing import Write
from support.on_reactor import on_reactor, reactor
from support.webhook_server import Decide, WebhookServer, allow, patch, refuse

CONFIG_MAP = next(kind for kind in builtin_kinds() if kind.kind == "ConfigMap")
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {}}
RULE = {"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}


class Scene:
    """An API's admission, and one webhook that is registered as often as a test wants."""

    def __init__(self, server: WebhookServer) -> None:
        self.server = server
        self.store = Store()
        self.store.put(("", "namespaces"), {"metadata": {"name": "shop", "labels": {"env": "dev"}}}, None)
        self.admission = WebhookAdmission(reactor, self.store, no_services)

    def register(self, kind: str, *hooks: Object) -> None:
        specs = [
            {"name": f"h{index}.test.example", "rules": [RULE], "sideEffects": "None", "timeoutSeconds": 5}
            | {"clientConfig": self.server.client_config(f"/{index}"), **hook}
            for index, hook in enumerate(hooks)
        ]
        configuration = {"metadata": {"name": "all"}, "webhooks": specs}
        self.store.put(("admissionregistration.k8s.io", f"{kind}webhookconfigurations"), configuration, None)

    def mutated(self, **more: Any) -> Object:
        write = Write(CONFIG_MAP, "shop", "c", ADMIN, "m", **more)
        self.warnings = write.warnings
        return on_reactor(self.admission.mutate(write, "CREATE", OBJECT, None))

    def validated(self, operation: str = "CREATE") -> None:
        write = Write(CONFIG_MAP, "shop", "c", ADMIN, "m")
        new, old = (None, OBJECT) if operation == "DELETE" else (OBJECT, None)
        on_reactor(self.admission.validate(write, operation, new, old))

    @property
    def called(self) -> list[str]:
        return [call.path.partition("?")[0] for call in self.server.calls]


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    with WebhookServer(tmp_path) as server:
        yield Scene(server)


def adding(key: str) -> Decide:
    return patch({"op": "add", "path": f"/data/{key}", "value": "1"})


def test_patches_are_applied_in_order(scene: Scene) -> None:
    """Each webhook sees what the one before has done."""
    scene.register("mutating", {}, {})
    scene.server.decide = lambda request: adding("a" if not request["object"].get("data") else "b")(request)
    assert scene.mutated()["data"] == {"a": "1", "b": "1"}
    assert scene.called == ["/0", "/1"]


def test_a_webhook_may_see_later_changes(scene: Scene) -> None:
    """When its reinvocationPolicy says so, and there was a change."""
    scene.register("mutating", {"reinvocationPolicy": "IfNeeded"}, {})
    scene.server.decide = lambda request: (adding("b") if request["object"].get("data") is None else allow)(request)
    scene.mutated()
    assert scene.called == ["/0", "/1"]
    scene.server.calls.clear()
    scene.server.decide = lambda request: allow(request) if len(scene.server.calls) != 2 else adding("b")(request)
    assert scene.mutated()["data"] == {"b": "1"}
    assert scene.called == ["/0", "/1", "/0"]


def test_a_refusal_ends_it(scene: Scene) -> None:
    """With the webhook's words and code."""
    scene.register("mutating", {}, {})
    scene.server.decide = refuse("not today", 418)
    with pytest.raises(ApiError, match=r'admission webhook "h0.test.example" denied the request: not today') as refusal:
        scene.mutated()
    assert refusal.value.code == 418
    assert scene.called == ["/0"]


def test_all_validating_webhooks_judge(scene: Scene) -> None:
    """At the same time; the first refusal in order is told."""
    scene.register("validating", {}, {})
    scene.server.decide = refuse("no")
    with pytest.raises(ApiError, match=r"h0.test.example"):
        scene.validated()
    assert sorted(scene.called) == ["/0", "/1"]


def test_deletes_are_seen_by_both_kinds(scene: Scene) -> None:
    """With the old object only."""
    scene.register("mutating", {})
    scene.register("validating", {})
    scene.validated("DELETE")
    assert [(call.request["object"], call.request["oldObject"]) for call in scene.server.calls] == [(None, OBJECT)] * 2


@pytest.mark.parametrize(
    "hook",
    [
        {"rules": [{**RULE, "resources": ["pods"]}]},
        {"namespaceSelector": {"matchLabels": {"env": "prod"}}},
        {"matchConditions": [{"name": "c", "expression": "object.metadata.name == 'other'"}]},
        {"failurePolicy": "Ignore", "matchConditions": [{"name": "c", "expression": "object.none"}]},
        {"failurePolicy": "Ignore", "clientConfig": {"service": {"name": "s", "namespace": "n"}}},
    ],
)
def test_webhooks_that_are_not_concerned_or_may_fail(scene: Scene, hook: Object) -> None:
    """The object passes as it is."""
    scene.register("mutating", hook)
    assert scene.mutated() == OBJECT
    assert scene.called == []


@pytest.mark.parametrize(
    ("hook", "code", "message"),
    [
        (
            {"clientConfig": {"service": {"name": "s", "namespace": "n"}}},
            500,
            'failed calling webhook "h0.test.example": service "s" not found',
        ),
        (
            {"matchConditions": [{"name": "c", "expression": "object.none"}]},
            403,
            'configmaps "c" is forbidden: c: expression',
        ),
    ],
)
def test_webhooks_fail_closed(scene: Scene, hook: Object, code: int, message: str) -> None:
    """Who cannot be asked has not allowed it."""
    scene.register("mutating", hook)
    with pytest.raises(ApiError) as refusal:
        scene.mutated()
    assert refusal.value.code == code
    assert message in refusal.value.message


def test_answers_that_are_none_fail_closed(scene: Scene) -> None:
    """A patch of an unknown type, for instance."""
    scene.register("mutating", {})
    scene.server.decide = lambda _: {"allowed": True, "patch": "W10=", "patchType": "Other"}
    with pytest.raises(ApiError, match=r"invalid response.patchType"):
        scene.mutated()


def test_dry_runs_want_webhooks_without_side_effects(scene: Scene) -> None:
    """Others are not called."""
    scene.register("mutating", {"sideEffects": "Some"})
    with pytest.raises(ApiError, match=r'admission webhook "h0.test.example" does not support dry run'):
        scene.mutated(dry_run=True)
    assert scene.called == []


def test_warnings_reach_the_client(scene: Scene) -> None:
    """As the webhook words them."""
    scene.register("mutating", {})
    scene.server.decide = lambda _: {"allowed": True, "warnings": ["careful"]}
    scene.mutated(dry_run=True)
    assert scene.warnings == ["careful"]
    assert scene.server.calls[0].request["dryRun"] is True

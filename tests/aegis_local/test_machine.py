"""One machine that stands for a cluster, with a function of its own."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from aegis_local.client.resources import CONFIG_MAPS, KNATIVE_SERVICES, PODS, Key, is_true
from aegis_local.machine import Machine
from aegis_local.network import ServicePort
from aegis_local.waiting import TooLate
from support.local_cluster import eventually, on_machine

FUNCTION = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
seen = []
class Function(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        seen.append(self.headers["Ce-Type"] + " " + self.headers.get("Ce-Name", ""))
        self.send_response(204)
        self.end_headers()
    def do_GET(self):
        body = json.dumps({"seen": seen, "service": os.environ["K_SERVICE"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Function).serve_forever()
"""

MANIFESTS: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "fn", "namespace": "test"}},
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "fn", "namespace": "test"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "fn", "namespace": "test"}],
    },
    {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "fn", "namespace": "test"},
        "spec": {
            "template": {
                "spec": {
                    "serviceAccountName": "fn",
                    "containers": [{"image": "x", "command": ["python", "-c", FUNCTION]}],
                }
            }
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "plain", "namespace": "test"},
        "spec": {"selector": {"serving.knative.dev/service": "fn"}, "ports": [{"port": 80, "targetPort": 8080}]},
    },
    {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "ApiServerSource",
        "metadata": {"name": "s", "namespace": "test"},
        "spec": {
            "serviceAccountName": "fn",
            "resources": [{"apiVersion": "v1", "kind": "ConfigMap"}],
            "sink": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "fn"}},
        },
    },
]


def manifests(*objects: dict[str, Any]) -> str:
    return "\n---\n".join(json.dumps(obj) for obj in objects)


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def test_a_function_runs_as_its_manifest_says_and_hears_of_events(tmp_path: Path) -> None:
    """It is ready when the start is over, has an address, and a Service leads to it."""
    key = Key("test", "fn")

    async def work(machine: Machine) -> Any:
        url = machine.cache(KNATIVE_SERVICES).objects[key]["status"]["url"]
        assert machine.network.resolve("test", "plain", 80) == ("127.0.0.1", int(url.rpartition(":")[2]))
        body = {"apiVersion": CONFIG_MAPS.api_version, "kind": "ConfigMap"}
        await machine.api.apply({**body, "metadata": {"name": "hello", "namespace": "test"}})
        for _ in range(100):
            answer = await deferToThread(ask, url)
            if answer["seen"]:
                return answer
        return None

    answer = on_machine(tmp_path, manifests(*MANIFESTS), work)
    assert answer == {"seen": ["dev.knative.apiserver.ref.add hello"], "service": "fn"}


def test_a_function_is_replaced_when_its_manifest_changes(tmp_path: Path) -> None:
    """And gone, with all that came of it, when it is deleted."""
    key = Key("test", "fn")

    async def work(machine: Machine) -> None:
        before = set(machine.cache(PODS).objects)
        changed = json.loads(json.dumps(MANIFESTS[3]))
        changed["spec"]["template"]["metadata"] = {"annotations": {"new": "yes"}}
        await machine.apply([changed])

        def replaced() -> bool:
            pods = machine.cache(PODS).objects
            return not before & set(pods) and len(pods) == 1 and all(is_true(pod, "Ready") for pod in pods.values())

        await eventually(replaced, "the new pod")
        await machine.api.delete(KNATIVE_SERVICES, key)
        await eventually(lambda: not machine.cache(PODS).objects, "the end")
        await eventually(lambda: ServicePort("test", "plain", 80) not in machine.network.current, "no address")

    on_machine(tmp_path, manifests(*MANIFESTS), work)


def test_a_function_that_does_not_come_up_ends_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text names it, and nothing is left running."""
    monkeypatch.setattr("aegis_local.machine._READY_SECONDS", 1.0)
    broken = json.loads(json.dumps(MANIFESTS[3]))
    broken["spec"]["template"]["spec"]["containers"][0]["command"] = ["sh", "-c", "exit 1"]

    async def work(_: Machine) -> None:
        raise AssertionError("it must not come so far")

    with pytest.raises(TooLate, match="Service test/fn to be ready"):
        on_machine(tmp_path, manifests(*MANIFESTS[:3], broken), work)
    assert not (tmp_path / "state" / "pods").exists()

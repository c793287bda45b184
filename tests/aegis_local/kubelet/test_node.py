"""All pods of the API."""

from pathlib import Path
from typing import Any

from aegis_local.client.resources import DEPLOYMENTS, PODS, Key, Object, is_true
from aegis_local.machine import Machine
from support.local_cluster import eventually, on_machine

NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: test}}"
KEY = Key("test", "p")


def pod(**spec: Any) -> Object:
    ports = [{"containerPort": 8080, "name": "http"}]
    app = {"name": "app", "image": "x", "command": ["sleep", "1000"], "ports": ports}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "test"},
        "spec": {"containers": [app], "terminationGracePeriodSeconds": 2, **spec},
    }


def uid(machine: Machine) -> str | None:
    found = machine.cache(PODS).objects.get(KEY)
    return found["metadata"]["uid"] if found and is_true(found, "Ready") else None


def test_a_pod_is_scheduled_here_and_its_ports_are_known(tmp_path: Path) -> None:
    """By number and by name, as long as it runs."""

    async def work(machine: Machine) -> None:
        await machine.api.apply(pod())
        await eventually(lambda: uid(machine) is not None, "the pod")
        assert machine.cache(PODS).objects[KEY]["spec"]["nodeName"] == "local"
        port = machine.node.local_port(KEY, 8080)
        assert port is not None
        assert machine.node.local_port(KEY, "http") == port
        assert machine.node.local_port(KEY, 9) is None
        assert machine.node.local_port(KEY, "none") is None
        assert machine.node.local_port(Key("test", "none"), 8080) is None
        await machine.api.delete(PODS, KEY)
        await eventually(lambda: KEY not in machine.cache(PODS).objects, "the end")
        assert machine.node.local_port(KEY, 8080) is None

    on_machine(tmp_path, NAMESPACE, work)


def test_a_pod_of_another_node_is_none_of_ours(tmp_path: Path) -> None:
    """It stays as it is."""

    async def work(machine: Machine) -> None:
        await machine.api.apply(pod(nodeName="elsewhere"))
        await eventually(lambda: KEY in machine.cache(PODS).objects, "the pod")
        await machine.api.apply({**pod(), "metadata": {"name": "q", "namespace": "test"}})
        await eventually(lambda: is_true(machine.cache(PODS).objects.get(Key("test", "q"), {}), "Ready"), "another")
        assert machine.cache(PODS).objects[KEY]["status"]["phase"] == "Pending"

    on_machine(tmp_path, NAMESPACE, work)


def test_a_pod_that_is_made_anew_under_its_name_runs_anew(tmp_path: Path) -> None:
    """The old one is ended, even when nobody was told of its deletion in between."""

    async def work(machine: Machine) -> None:
        await machine.api.apply(pod())
        await eventually(lambda: uid(machine) is not None, "the pod")
        old = uid(machine)
        await machine.api.delete(PODS, KEY, {"gracePeriodSeconds": 0})
        await machine.api.apply(pod())
        await eventually(lambda: uid(machine) not in (None, old), "the new pod")

    on_machine(tmp_path, NAMESPACE, work)


def test_deployments_keep_their_pods(tmp_path: Path) -> None:
    """As many as wanted, made anew when one goes, and replaced when the template changes."""
    template = {"metadata": {"labels": {"app": "d"}}, "spec": pod()["spec"]}
    deployment: Object = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "test"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "d"}}, "template": template},
    }
    key = Key("test", "d")

    async def work(machine: Machine) -> None:
        def available() -> bool:
            found = machine.cache(DEPLOYMENTS).objects.get(key, {})
            state = found.get("status", {})
            counts = [state.get(f"{kind}eplicas", 0) for kind in ("r", "readyR", "updatedR")]
            return (
                bool(found)
                and state.get("observedGeneration") == found["metadata"]["generation"]
                and counts == [2, 2, 2]
            )

        await machine.api.apply(deployment)
        await eventually(available, "both pods")
        first = set(machine.cache(PODS).objects)
        await machine.api.delete(PODS, next(iter(first)))
        await eventually(lambda: len(set(machine.cache(PODS).objects) & first) == 1 and available(), "a replacement")
        before = set(machine.cache(PODS).objects)
        changed = {**template, "metadata": {"labels": {"app": "d"}, "annotations": {"new": "yes"}}}
        await machine.api.apply({**deployment, "spec": {**deployment["spec"], "template": changed}})
        await eventually(lambda: not set(machine.cache(PODS).objects) & before and available(), "the rollout")
        await machine.api.delete(DEPLOYMENTS, key)
        await eventually(lambda: not machine.cache(PODS).objects, "the end of all")

    on_machine(tmp_path, NAMESPACE, work)

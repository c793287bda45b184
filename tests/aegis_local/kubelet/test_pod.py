"""One pod's life, on a machine with the embedded API."""

from pathlib import Path
from typing import Any

import pytest

from aegis_local.client.resources import PODS, SECRETS, Key, Object, is_true
from aegis_local.machine import Machine
from support.local_cluster import eventually, on_machine

NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: test}}"
KEY = Key("test", "p")


def container(name: str, script: str, **fields: Any) -> Object:
    return {"name": name, "image": "x", "command": ["sh", "-c", script], **fields}


def pod(*containers: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "test", "labels": {"app": "p"}},
        "spec": {"containers": list(containers), "terminationGracePeriodSeconds": 5, **spec},
    }


def status(machine: Machine) -> Object:
    found: Object = machine.cache(PODS).objects.get(KEY, {}).get("status", {})
    return found


def states(machine: Machine, kind: str = "containerStatuses") -> dict[str, str]:
    return {found["name"]: next(iter(found["state"])) for found in status(machine).get(kind, ())}


def log(machine: Machine, name: str) -> str:
    return machine.host.log_file("test", "p", name).read_text()


async def phase(machine: Machine, wanted: str) -> None:
    await eventually(lambda: status(machine).get("phase") == wanted, f"phase {wanted}")


def test_containers_start_in_order_and_sidecars_end_last(tmp_path: Path) -> None:
    """Init, sidecar (once started), app; at the end the app first."""
    order = tmp_path / "order"
    loop = f"trap 'echo -{{0}} >> {order}; exit 0' TERM; echo +{{0}} >> {order}; while :; do sleep 0.1; done"
    started = {"exec": {"command": ["test", "-e", str(order)]}, "periodSeconds": 1, "failureThreshold": 60}

    async def work(machine: Machine) -> None:
        inits = [
            container("init", f"echo +init >> {order}"),
            container("side", loop.format("side"), restartPolicy="Always", startupProbe=started),
        ]
        await machine.api.apply(pod(container("app", loop.format("app")), initContainers=inits))
        await eventually(lambda: is_true(machine.cache(PODS).objects.get(KEY, {}), "Ready"), "the pod")
        assert states(machine, "initContainerStatuses") == {"init": "terminated", "side": "running"}
        assert is_true(machine.cache(PODS).objects[KEY], "Initialized")
        await eventually(lambda: "+app" in order.read_text(), "the app")
        await machine.api.delete(PODS, KEY)
        await eventually(lambda: KEY not in machine.cache(PODS).objects, "the end")

    on_machine(tmp_path, NAMESPACE, work)
    assert order.read_text().split() == ["+init", "+side", "+app", "-app", "-side"]


@pytest.mark.parametrize(("code", "wanted"), [(0, "Succeeded"), (2, "Failed")])
def test_a_pod_that_runs_once_ends_with_its_containers(tmp_path: Path, code: int, wanted: str) -> None:
    """Its sidecars are ended then."""

    async def work(machine: Machine) -> None:
        side = container("side", "sleep 1000", restartPolicy="Always")
        await machine.api.apply(pod(container("app", f"exit {code}"), restartPolicy="Never", initContainers=[side]))
        await phase(machine, wanted)
        await eventually(lambda: states(machine, "initContainerStatuses")["side"] == "terminated", "the sidecar's end")

    on_machine(tmp_path, NAMESPACE, work)


def test_an_init_container_that_fails_is_tried_again(tmp_path: Path) -> None:
    """Until it succeeds; the app starts only then."""
    flag = tmp_path / "flag"

    async def work(machine: Machine) -> None:
        init = container("init", f"test -e {flag}")
        await machine.api.apply(pod(container("app", "sleep 1000"), initContainers=[init]))
        await eventually(
            lambda: bool(status(machine).get("initContainerStatuses", [{}])[0].get("lastState")), "failure"
        )
        assert states(machine) == {"app": "waiting"}
        flag.touch()
        await phase(machine, "Running")
        await machine.api.delete(PODS, KEY, {"gracePeriodSeconds": 0})

    on_machine(tmp_path, NAMESPACE, work)


def test_an_init_container_that_fails_ends_a_pod_that_runs_once(tmp_path: Path) -> None:
    """The app never starts."""

    async def work(machine: Machine) -> None:
        init = container("init", "exit 1")
        await machine.api.apply(pod(container("app", "true"), initContainers=[init], restartPolicy="Never"))
        await phase(machine, "Failed")
        assert states(machine) == {"app": "waiting"}

    on_machine(tmp_path, NAMESPACE, work)


def test_volumes_and_variables_reach_the_container(tmp_path: Path) -> None:
    """Waiting for a Secret that comes later; its own API access works."""
    volumes = [{"name": "s", "secret": {"secretName": "s"}}]
    script = 'cat "$FILE"; echo; echo $WHO; cat $KUBECONFIG | grep -c tokenFile; sleep 1000'
    env = [
        {"name": "FILE", "value": "/etc/s/key"},
        {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]

    async def work(machine: Machine) -> str:
        app = container("app", script, env=env, volumeMounts=[{"name": "s", "mountPath": "/etc/s"}])
        await machine.api.apply(pod(app, volumes=volumes))
        waiting = {"reason": "ContainerCreating", "message": "Secret s does not exist"}
        await eventually(
            lambda: status(machine).get("containerStatuses", [{}])[0].get("state") == {"waiting": waiting}, "the wait"
        )
        secret = {"apiVersion": SECRETS.api_version, "kind": "Secret", "metadata": {"name": "s", "namespace": "test"}}
        await machine.api.apply({**secret, "stringData": {"key": "content"}})
        await eventually(lambda: is_true(machine.cache(PODS).objects.get(KEY, {}), "Ready"), "the pod")
        await eventually(lambda: log(machine, "app").count("\n") == 3, "the output")
        return log(machine, "app")

    assert on_machine(tmp_path, NAMESPACE, work).split() == ["content", "p", "1"]
    assert not list((tmp_path / "state").rglob("volumes"))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"name": "app", "image": "x"}, "has no command"),
        (container("app", "true", livenessProbe={"tcpSocket": {"port": 1}}), "port 1 is not among"),
    ],
)
def test_a_pod_that_cannot_run_here_fails_with_the_reason(tmp_path: Path, broken: Object, message: str) -> None:
    """It can be deleted like any other."""

    async def work(machine: Machine) -> None:
        await machine.api.apply(pod(broken))
        await phase(machine, "Failed")
        assert message in status(machine)["message"]
        await machine.api.delete(PODS, KEY)
        await eventually(lambda: KEY not in machine.cache(PODS).objects, "the end")

    on_machine(tmp_path, NAMESPACE, work)

"""A pod's status."""

import signal
from typing import Any

import pytest

from aegis_local.kubelet.container import Ended, Running, State, Waiting
from aegis_local.kubelet.status import Refused, View, container_status, initialized, phase_of, pod_status
from aegis_local.process.groups import Exit

RUNNING = Running(0.0)


def ended(code: int) -> Ended:
    return Ended(Exit(code), "Completed" if code == 0 else "Error", 0.0, 1.0)


def view(name: str = "app", state: State = RUNNING, **fields: Any) -> View:
    return View(name, "image", state, **fields)


def init(name: str, state: State, **fields: Any) -> View:
    return view(name, state, init=True, **fields)


def sidecar(state: State = RUNNING, **fields: Any) -> View:
    return view("proxy", state, init=True, sidecar=True, **fields)


@pytest.mark.parametrize(
    ("views", "policy", "phase"),
    [
        ([view(state=Waiting("ContainerCreating"))], "Always", "Pending"),
        ([view()], "Always", "Running"),
        ([view(state=ended(1))], "Always", "Running"),
        ([view(state=Waiting("CrashLoopBackOff"), last=ended(1))], "Always", "Running"),
        ([view(state=ended(0))], "Never", "Succeeded"),
        ([view(state=ended(0)), view("b", ended(3))], "Never", "Failed"),
        ([view(state=ended(0)), view("b")], "Never", "Running"),
        ([init("i", ended(1)), view(state=Waiting("PodInitializing"))], "Never", "Failed"),
        ([init("i", ended(1)), view(state=Waiting("PodInitializing"))], "Always", "Pending"),
        ([sidecar(ended(1)), view(state=Waiting("PodInitializing"))], "Never", "Pending"),
    ],
)
def test_phases(views: list[View], policy: str, phase: str) -> None:
    """As Kubernetes defines them."""
    assert phase_of(views, policy) == phase


def test_initialized_means_that_every_init_container_did_its_part() -> None:
    """A plain one has ended well, a sidecar has started."""
    assert initialized([init("i", ended(0)), sidecar(started=True), view()])
    assert not initialized([init("i", ended(1))])
    assert not initialized([init("i", RUNNING)])
    assert not initialized([sidecar(started=False)])


def test_a_container_status_tells_its_state_and_the_one_before() -> None:
    """With restarts, readiness and the signal that ended it."""
    killed = Ended(Exit(143, signal.SIGTERM), "Error", 0.0, 60.0)
    status = container_status(view(state=Waiting("CrashLoopBackOff", "later"), last=killed, restarts=2))
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "later"}}
    assert status["lastState"]["terminated"] == {
        "exitCode": 143,
        "signal": 15,
        "reason": "Error",
        "startedAt": "1970-01-01T00:00:00Z",
        "finishedAt": "1970-01-01T00:01:00Z",
    }
    assert (status["restartCount"], status["ready"], status["started"]) == (2, False, False)
    assert container_status(view())["state"] == {"running": {"startedAt": "1970-01-01T00:00:00Z"}}


def conditions(status: dict[str, Any]) -> dict[str, str]:
    return {found["type"]: found["status"] for found in status["conditions"]}


def test_a_pod_is_ready_when_all_its_containers_are() -> None:
    """Sidecars included."""
    pod: dict[str, Any] = {"metadata": {}, "spec": {}}
    ready = [sidecar(started=True, ready=True), view(ready=True, started=True)]
    status = pod_status(pod, ready, None, 0.0, 1.0)
    assert conditions(status) == dict.fromkeys(("PodScheduled", "Initialized", "ContainersReady", "Ready"), "True")
    assert status["podIP"] == "127.0.0.1"
    assert [found["name"] for found in status["initContainerStatuses"]] == ["proxy"]
    unready = pod_status(pod, [sidecar(started=True), view(ready=True)], None, 0.0, 1.0)
    assert conditions(unready)["Ready"] == "False"
    assert unready["conditions"][3]["message"] == "containers with unready status: [proxy]"


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    """A new look at the same state changes nothing."""
    pod: dict[str, Any] = {"metadata": {}, "spec": {}}
    pod["status"] = pod_status(pod, [view()], None, 0.0, 1.0)
    assert pod_status(pod, [view()], None, 0.0, 99.0) == pod["status"]
    changed = pod_status(pod, [view(ready=True)], None, 0.0, 99.0)
    assert changed["conditions"][3]["lastTransitionTime"] == "1970-01-01T00:01:39Z"


def test_a_pod_that_is_refused_has_failed_and_says_why() -> None:
    """The reason and the sentence."""
    refused = Refused("Unrunnable", "no command")
    status = pod_status({"metadata": {}, "spec": {}}, [view(state=Waiting("ContainerCreating"))], refused, 0.0, 1.0)
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "Unrunnable", "no command")
    assert conditions(status)["Ready"] == "False"

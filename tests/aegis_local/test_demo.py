"""The whole demo, as its user starts it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from support.waiting import eventually


def processes_of(folder: Path) -> list[str]:
    """The running processes whose command or environment names this folder: those that a run started."""
    found = subprocess.run(["ps", "-A", "-E", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=False)
    if found.returncode:  # Linux has another way to show the environment
        found = subprocess.run(["ps", "axeww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if str(folder) in line]


def test_the_demo_passes_and_leaves_nothing_running(tmp_path: Path) -> None:
    """Every check, exit code 0, a table without colours, and no process afterwards."""
    state = tmp_path / "state"
    command = [sys.executable, "-m", "aegis_local", "demo", "--state", str(state)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    last = result.stdout.splitlines()[-1]
    found = re.fullmatch(r"demo: (\d+) of (\d+) checks passed", last)
    assert found, result.stdout + result.stderr
    assert found[1] == found[2], result.stdout
    assert int(found[1]) >= 20
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert processes_of(tmp_path) == []
    assert not (state / "pods").exists()


@frozen
class Kept:
    """A demo that was left up."""

    kubeconfig: Path
    output: Path

    def kubectl(self, *arguments: str) -> str:
        """What an unmodified kubectl prints; an AssertionError with its complaint otherwise."""
        command = [str(Path(sys.executable).with_name("kubectl")), "--kubeconfig", str(self.kubeconfig), *arguments]
        environment = {**os.environ, "HOME": str(self.kubeconfig.parent)}
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("demo")
    output = folder / "output"
    command = [sys.executable, "-m", "aegis_local", "demo", "--keep", "--state", str(folder / "state")]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: "Ctrl-C ends it." in output.read_text() or process.poll() is not None, 100)
        assert process.poll() is None, output.read_text()
        yield Kept(Path(output.read_text().partition("KUBECONFIG=")[2].split()[0]), output)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert processes_of(folder) == []


def test_kubectl_shows_what_runs(kept: Kept) -> None:
    """Identities with their columns, and pods with their sidecars."""
    assert re.search(
        r"chain01\s+cluster\s+system:serviceaccount:demo:chain01\s+True",
        kept.kubectl("get", "identities", "-n", "demo"),
    )
    assert re.search(r"chain01\s+2/2\s+Running", kept.kubectl("get", "pods", "-n", "demo"))
    described = kept.kubectl("describe", "pod", "chain01", "-n", "demo")
    assert "aegis-proxy" in described
    assert "Ready             True" in described


def test_kubectl_applies_waits_and_deletes(kept: Kept) -> None:
    """Server-side, as with any other API server."""
    policy = {
        "apiVersion": "aegis.aegisproxy.io/v1",
        "kind": "IngressPolicy",
        "metadata": {"name": "extra", "namespace": "demo"},
        "spec": {"rules": []},
    }
    path = kept.kubeconfig.parent / "policy.json"
    path.write_text(json.dumps(policy))
    assert "serverside-applied" in kept.kubectl("apply", "--server-side", "-f", str(path))
    waited = kept.kubectl("wait", "ingresspolicy/extra", "-n", "demo", "--for=condition=Accepted", "--timeout=60s")
    assert "condition met" in waited
    assert "deleted" in kept.kubectl("delete", "ingresspolicy", "extra", "-n", "demo")


def test_a_caller_with_a_token_of_kubectl_gets_through(kept: Kept) -> None:
    """By the lines that the demo prints."""
    token = kept.kubectl("create", "token", "visitor", "-n", "demo", "--audience", "chain01.demo.svc").strip()
    found = re.search(r"http://127\.0\.0\.1:\d+/", kept.output.read_text())
    assert found
    header = f"Authorization: Bearer {token}"
    command = ["curl", "-s", "-H", "Host: chain01.demo.svc", "-H", header, found[0]]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert answer["next"]["next"]["caller"] == "system:serviceaccount:demo:chain02"


def test_a_pod_that_dies_comes_back(kept: Kept) -> None:
    """Its restart is counted, as by any kubelet."""
    pid = next(line.split()[0] for line in processes_of(kept.kubeconfig.parents[1]) if " NAME=chain03" in line)
    os.kill(int(pid), signal.SIGKILL)
    path = "jsonpath={.status.containerStatuses[0].restartCount}"
    eventually(lambda: kept.kubectl("get", "pod", "chain03", "-n", "demo", "-o", path) == "1", 30)
    kept.kubectl("wait", "pod/chain03", "-n", "demo", "--for=condition=Ready", "--timeout=60s")

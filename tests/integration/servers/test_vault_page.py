"""docs/providers/vault.md does what it says: its commands are run, from its own text, against a real Vault."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegis_local.manifests import checkout
from servers.build import programs
from servers.processes import ServerProcess, free_port
from servers.vault import VaultServer
from support.page_commands import run_page
from support.waiting import eventually

pytestmark = pytest.mark.servers

PAGE = Path(__file__).parents[3] / "docs" / "providers" / "vault.md"
UP_SECONDS = 100.0


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The mesh on this machine, as the page says; gives the variables that the page asks for."""
    state, output = tmp_path / "state", tmp_path / "output"
    command = [sys.executable, "-m", "aegis_local", "up", "--state", str(state)]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: "Ctrl-C ends it." in output.read_text() or process.poll() is not None, UP_SECONDS)
        assert process.poll() is None, output.read_text()
        kubeconfig = output.read_text().partition("KUBECONFIG=")[2].split()[0]
        with _proxy(Path(kubeconfig), tmp_path / "kubectl-proxy.log") as url:
            keys = f"{url}/openid/v1/jwks"
            yield {"KUBECONFIG": kubeconfig, "STATE": str(state), "AEGIS": str(checkout()), "KEYS": keys}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@contextmanager
def _proxy(kubeconfig: Path, log: Path) -> Iterator[str]:
    """`kubectl proxy`; its URL."""
    port = free_port()
    kubectl = Path(sys.executable).with_name("kubectl")
    process = ServerProcess([kubectl, "proxy", f"--port={port}"], log, {"KUBECONFIG": str(kubeconfig)})
    with process:
        process.wait_until(lambda: "Starting to serve" in process.log_tail(), UP_SECONDS)
        yield f"http://127.0.0.1:{port}"


@pytest.mark.timeout(400)
def test_the_page_does_what_it_says(own_vault: VaultServer, machine: dict[str, str], tmp_path: Path) -> None:
    """Set-up, three services, calls that are let through and calls that are not, and what is left afterwards."""
    programs_of = f"{programs('vault')['vault'].parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    folder = tmp_path / "reader"
    folder.mkdir()
    environment = {
        **machine,
        "PATH": programs_of,
        "VAULT_ADDR": own_vault.url,
        "VAULT_TOKEN": own_vault.root_token,
    }
    ran = run_page(PAGE, environment, folder)
    printed = "".join(step.output for step in ran)
    (called,) = (step.output for step in ran if "curl --silent --fail" in step.commands)
    answer = json.loads(called[called.index("{") :])
    callers = [answer["caller"], answer["next"]["caller"], answer["next"]["next"]["caller"]]
    assert callers == [f"system:serviceaccount:demo:{name}" for name in ("visitor", "chain01", "chain02")]
    assert "without a token: 401" in printed
    assert "at another service: 401" in printed
    listed = own_vault.keys("identity/oidc/role")
    assert sorted(name.partition(".demo.")[2].partition("_")[0] for name in listed) == ["chain01", "chain02"]

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aegis_proxy.cli import main


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "", "PYTHONPATH": ""}
    return subprocess.run(
        [sys.executable, "-m", "aegis_proxy", *arguments], capture_output=True, text=True, timeout=60, env=environment
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "no source of policy: give --resources PATH or --kubeconfig PATH, or run inside a cluster"),
        (
            ["run", "--resources", "x", "--ingress-listen", "nowhere"],
            '--ingress-listen: got "nowhere", wanted HOST:PORT',
        ),
        (
            ["run", "--resources", "x", "--log-level", "loud"],
            '--log-level: got "loud", wanted debug or info or warning',
        ),
        (["run", "--resources", "x", "--policy", "A_B"], '--policy: got "A_B", wanted names of Kubernetes objects'),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 and one sentence: what came and what was wanted."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"aegis-proxy: {said}")


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run", "--unknown"]])
def test_what_is_no_command_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the usage."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: aegis-proxy" in capsys.readouterr().err


def test_help_names_each_flag_and_its_variable() -> None:
    """As the real command shows it."""
    done = command("run", "--help")
    assert done.returncode == 0
    for flag in ("resources", "ingress-listen", "egress-listen", "admin-listen", "ingress-upstream", "token-file"):
        assert f"--{flag} " in done.stdout
        assert f"[AEGIS_{flag.upper().replace('-', '_')}]" in "".join(done.stdout.split())


def test_an_address_in_use_is_named(tmp_path: Path) -> None:
    """Exit code 2, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = command("run", "--resources", str(tmp_path), "--ingress-listen", address)
    assert done.returncode == 2
    assert f"aegis-proxy: --ingress-listen: cannot listen on {address}: " in done.stderr
    assert "Traceback" not in done.stderr

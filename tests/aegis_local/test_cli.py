"""The command `aegis-local`."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aegis_local import cli, manifests
from support.waiting import eventually


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aegis_local", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_tells_of_both_commands() -> None:
    """And of their options."""
    text = run("--help").stdout
    assert "demo" in text
    assert "up" in text
    assert "--keep" in run("demo", "--help").stdout


@pytest.mark.parametrize("arguments", [(), ("down",), ("up", "--port", "x"), ("up", "--keep")])
def test_what_is_no_command_is_refused(arguments: tuple[str, ...]) -> None:
    """With exit code 2 and a text."""
    result = run(*arguments)
    assert result.returncode == 2
    assert "usage" in result.stderr


def test_without_manifests_the_way_out_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is started."""
    monkeypatch.setattr(manifests, "__file__", str(tmp_path / "a" / "b" / "c" / "manifests.py"))
    assert cli.main(["up"]) == 2
    assert "give --manifests" in capsys.readouterr().err


def test_manifests_that_cannot_be_read_end_it(tmp_path: Path) -> None:
    """With exit code 1, the reason and the folder of what is left."""
    result = run("up", "--manifests", str(tmp_path), "--state", str(tmp_path / "state"))
    assert result.returncode == 1
    assert f"aegis-local: {tmp_path}/crds cannot be read: No such file" in result.stdout
    assert f"lies in {tmp_path}/state" in result.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_stays_up_until_a_signal_comes(tmp_path: Path, number: signal.Signals) -> None:
    """It says how to use it, and leaves neither processes nor its temporary folder behind."""
    output = tmp_path / "output"
    command = [sys.executable, "-m", "aegis_local", "up"]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        eventually(lambda: "Ctrl-C ends it." in output.read_text(), 60)
        kubeconfig = Path(output.read_text().partition("KUBECONFIG=")[2].split()[0])
        assert kubeconfig.exists()
        functions = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout
        assert "aegis_reconcile" in functions
        process.send_signal(number)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
    assert not kubeconfig.exists()
    assert "Traceback" not in output.read_text()

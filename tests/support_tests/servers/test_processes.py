"""Server processes: they start, fail and end in the open."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers.processes import ServerError, ServerProcess
from support.waiting import eventually


def test_early_end_shows_the_log(tmp_path: Path) -> None:
    """A program that ends before it is ready gives an error with its last words."""
    with (
        ServerProcess(["sh", "-c", "echo bad flag; exit 2"], tmp_path / "log") as process,
        pytest.raises(ServerError, match="sh ended before it was ready:\nbad flag"),
    ):
        process.wait_until(lambda: False, 30)


def test_deadline_shows_the_log(tmp_path: Path) -> None:
    """A program that is never ready is given up after the deadline."""
    with (
        ServerProcess(["sh", "-c", "echo thinking; exec sleep 60"], tmp_path / "log") as process,
        pytest.raises(ServerError, match="not ready within 0 s"),
    ):
        process.wait_until(lambda: False, 0)


def test_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """Stopping ends also a program that does not want to."""
    log = tmp_path / "log"
    process = ServerProcess(["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.1; done"], log)
    process.start()
    process.wait_until(lambda: log.read_text().strip() != "", 30)
    process.stop(seconds=0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text()), 0)


def test_stopped_program_starts_again(tmp_path: Path) -> None:
    """The same object runs the program a second time, with one log for both."""
    log = tmp_path / "log"
    process = ServerProcess(["sh", "-c", "echo run; exec sleep 60"], log)
    for runs in (1, 2):
        process.start()
        process.wait_until(lambda runs=runs: log.read_text().count("run") == runs, 30)  # type: ignore[misc] # mypy: lambda default
        process.stop()


def test_started_program_is_not_started_twice(tmp_path: Path) -> None:
    """A second start without a stop is an error, since the first process would be lost."""
    with (
        ServerProcess(["sleep", "60"], tmp_path / "log") as process,
        pytest.raises(ServerError, match="running already"),
    ):
        process.start()


def test_only_the_given_environment_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy settings and the like of the machine do not reach a server."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.test")
    log = tmp_path / "log"
    with ServerProcess(["sh", "-c", "env; echo end; exec sleep 60"], log, {"OWN": "1"}) as process:
        process.wait_until(lambda: "end" in log.read_text(), 30)
    assert "OWN=1" in log.read_text()
    assert "HTTPS_PROXY" not in log.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
def test_program_dies_with_a_killed_parent(tmp_path: Path) -> None:
    """A run of the tests that is killed leaves no server behind."""
    log = tmp_path / "log"
    script = (
        "import pathlib, servers.processes as p\n"
        f"s = p.ServerProcess(['sh', '-c', 'echo $$; exec sleep 60'], pathlib.Path({str(log)!r}))\n"
        "s.start(); s.wait_until(lambda: s.log_tail().endswith('\\n'), 30); print('up', flush=True); input()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        parent.kill()
    eventually(lambda: not _runs(int(log.read_text())))


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False

"""Process groups: start, end, stop, and nothing that survives."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from aegis_local.process.groups import Exit, ProcessGroups
from support.on_reactor import on_reactor, reactor

ENV = {"PATH": os.environ["PATH"]}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie is dead: it only waits for its parent (init, here) to look.
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(status.stdout.strip()) and not status.stdout.startswith("Z")


def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not alive(pid):
            return True
        time.sleep(0.01)
    return False


def run(tmp_path: Path, *argv: str) -> Exit:
    async def work() -> Exit:
        groups = ProcessGroups(reactor)
        try:
            return await groups.start(argv, ENV, cwd=tmp_path, output=tmp_path / "log").ended()
        finally:
            await groups.close()

    return on_reactor(work())


def test_a_program_ends_with_its_exit_code_and_its_output_in_the_log(tmp_path: Path) -> None:
    """The exit code of a program and both of its streams are kept."""
    assert run(tmp_path, "sh", "-c", "echo out; echo err >&2; pwd; exit 3") == Exit(3)
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[:2] == ["out", "err"]
    assert Path(lines[2]).samefile(tmp_path)


def test_a_program_that_is_killed_ends_with_the_signal(tmp_path: Path) -> None:
    """A signal is an exit code of 128 and its number, as in a shell and in Kubernetes."""
    end = run(tmp_path, "sh", "-c", "kill -TERM $$")
    assert end == Exit(143, signal.SIGTERM)
    assert str(end) == "signal SIGTERM"


def test_a_program_that_does_not_exist_ends_with_127(tmp_path: Path) -> None:
    """The reason stands in its log."""
    end = run(tmp_path, "no-such-program")
    assert str(end) == "exit code 127"
    assert "no-such-program cannot be run: No such file" in (tmp_path / "log").read_text()


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    """A child of a program does not survive the program."""
    run(tmp_path, "sh", "-c", "sleep 1000 & echo $!")
    assert gone(int((tmp_path / "log").read_text()))


def started(log: Path) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if log.exists() and log.read_text().endswith("\n"):
            return log.read_text()
        time.sleep(0.01)
    raise AssertionError(f"{log} stayed empty")


def test_stop_asks_first(tmp_path: Path) -> None:
    """SIGTERM comes first, so a program can end in its own way."""

    async def work() -> Exit:
        groups = ProcessGroups(reactor)
        script = (
            "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print(flush=True); time.sleep(99)"
        )
        group = groups.start([sys.executable, "-c", script], ENV, output=tmp_path / "log")
        started(tmp_path / "log")
        try:
            return await group.stop(grace=30)
        finally:
            await groups.close()

    assert on_reactor(work()) == Exit(7)


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    """After the grace period the whole group gets SIGKILL."""

    async def work() -> Exit:
        groups = ProcessGroups(reactor)
        group = groups.start(
            ["sh", "-c", "trap '' TERM; echo on; while :; do sleep 1; done"], ENV, output=tmp_path / "log"
        )
        started(tmp_path / "log")
        try:
            return await group.stop(grace=0.1)
        finally:
            await groups.close()

    assert on_reactor(work()) == Exit(137, signal.SIGKILL)


def test_closing_kills_what_runs(tmp_path: Path) -> None:
    """After `close` no process of the groups is left."""

    async def work() -> int:
        groups = ProcessGroups(reactor)
        group = groups.start(["sleep", "1000"], ENV, output=tmp_path / "log")
        await groups.close()
        return group.pid

    assert gone(on_reactor(work()))


OWNER = """
import os, sys
from pathlib import Path
from twisted.internet import reactor
from aegis_local.process.groups import ProcessGroups
groups = ProcessGroups(reactor)
reactor.callWhenRunning(
    lambda: groups.start(["sh", "-c", "sleep 1000 & echo $$ $!; wait"], dict(os.environ), output=Path(sys.argv[1])))
reactor.run()
"""


def test_nothing_survives_the_death_of_the_owner(tmp_path: Path) -> None:
    """Even SIGKILL of the owner leaves no process: the guard sees to it."""
    log = tmp_path / "log"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(log)])
    try:
        pids = [int(word) for word in started(log).split()]
    finally:
        owner.kill()
        owner.wait()
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)

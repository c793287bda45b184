"""One process under measurement: on its core, with its log, its CPU time, its memory and its end."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from bench.machine import CpuTime, read_cpu_time, read_memory
from servers.processes import LIBC, PR_SET_PDEATHSIG

POLL_SECONDS = 0.002
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The benchmark cannot say anything sound. Its text says why, and what to do."""


class Process:
    """`with Process(command, log, cores) as process:` runs it on those cores, at the latest until the block ends."""

    def __init__(self, command: Sequence[str | Path], log: Path, cores: frozenset[int]) -> None:
        self._command = [str(part) for part in command]
        self._log = log
        self._cores = cores
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._started = time.monotonic()
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self._prepare
            )
        return self

    def _prepare(self) -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, self._cores)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60.0) -> float:
        """Seconds from the start to `ready`. Raises BenchError when it ends before, or takes longer than `seconds`."""
        while not ready():
            elapsed = time.monotonic() - self._started
            if self._process is None or self._process.poll() is not None:
                code = self._process and self._process.returncode
                raise BenchError(f"{self._command[0]} ended with {code} before it was ready:\n{self._log_tail()}")
            if elapsed > seconds:
                raise BenchError(f"{self._command[0]} was not ready within {seconds:.0f} s:\n{self._log_tail()}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - self._started

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def cpu_time(self) -> CpuTime:
        return read_cpu_time(self._proc("stat").read_text(), _TICKS)

    def resident(self) -> float:
        """Resident memory in MiB."""
        return read_memory(self._proc("status").read_text(), "VmRSS")

    def most_resident(self) -> float:
        """The most memory in MiB that was resident since the start, or since `forget_most_resident`."""
        return read_memory(self._proc("status").read_text(), "VmHWM")

    def forget_most_resident(self) -> None:
        self._proc("clear_refs").write_text("5")

    def _proc(self, name: str) -> Path:
        if self._process is None:
            raise BenchError(f"{self._command[0]} is not running")
        return Path(f"/proc/{self._process.pid}/{name}")

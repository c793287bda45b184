"""Server processes of the tests: started with a log file, waited for with a deadline, always ended."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1
# Loaded here because a forked child must not load a library: another thread may hold the loader's lock.
LIBC = ctypes.CDLL(None)


class ServerError(Exception):
    """A server did not come up, or ended by itself; the text holds the end of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """One program, its log, and its end. It can be started again after it was stopped."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        """`environment` is all that the program sees besides PATH and HOME: no proxy settings of the machine."""
        self.name = Path(command[0]).name
        self.log = log
        self._command = [str(part) for part in command]
        self._environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ} | dict(
            environment or {}
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ServerProcess":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the program. On Linux it does not outlive the thread that starts it, however that ends."""
        if self._process is not None:
            raise ServerError(f"{self.name} is running already")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    @property
    def pid(self) -> int:
        """The process id. Raises ServerError when it is not running."""
        if self._process is None:
            raise ServerError(f"{self.name} is not running")
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait for `ready`. Raises ServerError when the program ends before, or when it takes longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process is None or self._process.poll() is not None:
                raise ServerError(f"{self.name} ended before it was ready:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} was not ready within {seconds:.0f} s:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self, seconds: float = 10.0) -> None:
        """End the program: politely, then by force. Does nothing when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the program at once, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def log_tail(self) -> str:
        """The last 4000 characters that the program wrote."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""


def _die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

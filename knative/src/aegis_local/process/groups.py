"""Start, signal and stop process groups."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from aegis_local.process import guard, launch
from aegis_local.reactors import Reactor
from aegis_local.tasks import sleep

_POLL_SECONDS = 0.02


@frozen
class Exit:
    """How a process ended: `code` as a shell shows it (128 + N after signal N)."""

    code: int
    signal: int | None = None

    def __str__(self) -> str:
        return f"exit code {self.code}" if self.signal is None else f"signal {signal.Signals(self.signal).name}"


def exit_of(reason: Failure) -> Exit:
    """The end of a process in Twisted's words, as a value."""
    error = reason.value
    if isinstance(error, ProcessTerminated):
        return Exit(128 + error.signal, error.signal) if error.signal else Exit(error.exitCode or 0)
    if isinstance(error, ProcessDone):
        return Exit(0)
    raise TypeError(f"not the end of a process: {error!r}")


class ProcessGroup(ProcessProtocol):
    """A running program and all that it started."""

    def __init__(self, owner: "ProcessGroups") -> None:
        self._owner = owner
        self._waiting: list[Deferred[Exit]] = []
        self.pid = 0
        self.exit: Exit | None = None

    def connectionMade(self) -> None:  # the name is Twisted's
        self.pid = cast(IProcessTransport, self.transport).pid

    def processExited(self, reason: Failure) -> None:  # as above
        # What the program leaves behind goes with it, as in a container.
        self.signal(signal.SIGKILL)
        self.exit = exit_of(reason)
        self._owner.ended(self)
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(self.exit)

    async def ended(self) -> Exit:
        """Wait for the program's end."""
        if self.exit is None:
            deferred: Deferred[Exit] = Deferred(self._waiting.remove)
            self._waiting.append(deferred)
            return await deferred
        return self.exit

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            # A signal that comes before the launcher made its group; nothing is there after the end.
            if self.exit is None:
                try:
                    os.kill(self.pid, number)
                except ProcessLookupError:
                    return
        except PermissionError:
            return  # macOS says so of a group of zombies

    async def stop(self, grace: float) -> Exit:
        """SIGTERM, and SIGKILL after `grace` seconds."""
        if self.exit is None and grace > 0:
            self.signal(signal.SIGTERM)
            deadline = self._owner.reactor.seconds() + grace
            while self.exit is None and self._owner.reactor.seconds() < deadline:
                await sleep(self._owner.reactor, _POLL_SECONDS)
        self.signal(signal.SIGKILL)
        return await self.ended()


class ProcessGroups:
    """The process groups of this process. Use one per program, and `close` it."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self._running: set[ProcessGroup] = set()
        read_end, self._guard_pipe = os.pipe()
        try:
            self._guard = self._spawn(
                [sys.executable, "-I", "-S", guard.__file__], {}, None, {0: read_end, 2: 2, 3: self._guard_pipe}
            )
        finally:
            os.close(read_end)

    def start(
        self, argv: Sequence[str], env: Mapping[str, str], *, cwd: Path | None = None, output: Path
    ) -> ProcessGroup:
        """Run a program; standard output and error are appended to the file `output`, standard input is empty."""
        log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            group = self._spawn(argv, env, cwd, {0: nothing, 1: log, 2: log, 3: self._guard_pipe})
        finally:
            os.close(log)
            os.close(nothing)
        self._running.add(group)
        return group

    def ended(self, group: ProcessGroup) -> None:
        """Called by a group at its end."""
        self._running.discard(group)
        if self._guard_pipe >= 0:
            os.write(self._guard_pipe, b"-%d\n" % group.pid)

    async def close(self) -> None:
        """Kill what still runs, then end the guard."""
        for group in list(self._running):
            await group.stop(0)
        os.close(self._guard_pipe)
        self._guard_pipe = -1
        await self._guard.ended()

    def _spawn(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, descriptors: dict[int, int]
    ) -> ProcessGroup:
        group = ProcessGroup(self)
        launcher = [sys.executable, "-I", "-S", launch.__file__, "3", str(cwd or "."), *argv]
        self.reactor.spawnProcess(group, sys.executable, launcher, dict(env), childFDs=descriptors)
        return group

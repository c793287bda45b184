"""The life of one container: start, probes, restarts, end."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from attrs import field, frozen

from aegis_local.kubelet.environment import Missing
from aegis_local.kubelet.probing import Probe, ProbeFailed, Prober
from aegis_local.process.groups import Exit, ProcessGroup, ProcessGroups
from aegis_local.reactors import Reactor
from aegis_local.tasks import Tasks, sleep

_FIRST_BACKOFF, _LONGEST_BACKOFF, _BACKOFF_RESET = 0.5, 30.0, 60.0
_CONFIG_RETRY = 1.0
# The kubelet asks once per second at most; here a start is waited for by a person.
_EAGER_PERIOD = 0.2


@frozen
class Waiting:
    """Not running: `reason` is Kubernetes' word for why."""

    reason: str
    message: str = ""


@frozen
class Running:
    """Since `started` (seconds since the epoch)."""

    started: float


@frozen
class Ended:
    """Ran from `started` to `finished` (seconds since the epoch)."""

    exit: Exit
    reason: str
    started: float
    finished: float


State = Waiting | Running | Ended


@frozen
class Command:
    """A program as it runs on this machine. Its environment may hold secrets."""

    argv: tuple[str, ...] = field(repr=False)
    env: dict[str, str] = field(repr=False)


@frozen
class Plan:
    """How a container runs: `policy` is Always, OnFailure or Never; `output` is its log."""

    name: str
    policy: str
    output: Path
    folder: Path
    startup: Probe | None = None
    readiness: Probe | None = None
    liveness: Probe | None = None


class Container:
    """A container. `prepare` gives its command afresh for each start; `changed` hears of every new state."""

    def __init__(
        self,
        reactor: Reactor,
        groups: ProcessGroups,
        prober: Prober,
        plan: Plan,
        prepare: Callable[[], Awaitable[Command]],
        changed: Callable[[], None],
    ) -> None:
        self.plan = plan
        self.state: State = Waiting("ContainerCreating")
        self.last: Ended | None = None
        self.restarts = 0
        self.ready = False
        self.started = False
        self._reactor = reactor
        self._groups = groups
        self._prober = prober
        self._prepare = prepare
        self._changed = changed
        self._tasks = Tasks()
        self._group: ProcessGroup | None = None
        self._stopping = False
        self._why_killed = ""
        self.final: Ended | None = None

    def begin(self) -> None:
        """Run, and run again as the policy says, until `final` tells how it ended for good."""
        self._tasks.start(f"container {self.plan.name}", self._run())

    async def _run(self) -> None:
        backoff = _FIRST_BACKOFF
        while True:
            ended = await self._once()
            if self._stopping or not self._runs_again(ended):
                self.final = ended
                self._changed()
                return
            backoff = _FIRST_BACKOFF if ended.finished - ended.started > _BACKOFF_RESET else backoff
            self.last = ended
            self._become(
                Waiting("CrashLoopBackOff", f"back-off {backoff:g}s restarting failed container {self.plan.name}")
            )
            await sleep(self._reactor, backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)
            self.restarts += 1

    async def stop(self, grace: float) -> None:
        """End it, and do not start it again: SIGTERM, and SIGKILL after `grace` seconds."""
        self._stopping = True
        if self._group is not None:
            await self._group.stop(grace)
        self._tasks.cancel()

    def _runs_again(self, ended: Ended) -> bool:
        return self.plan.policy == "Always" or (self.plan.policy == "OnFailure" and ended.exit.code != 0)

    async def _once(self) -> Ended:
        command = await self._prepared()
        self._why_killed = ""
        group = self._groups.start(command.argv, command.env, cwd=self.plan.folder, output=self.plan.output)
        self._group = group
        started = time.time()
        self.started, self.ready = self.plan.startup is None, False
        self._become(Running(started))
        probes = Tasks()
        probes.start(f"probes of {self.plan.name}", self._probes(command))
        try:
            exit_ = await group.ended()
        finally:
            probes.cancel()
            self._group = None
            self.started = self.ready = False
        reason = self._why_killed or ("Completed" if exit_.code == 0 else "Error")
        ended = Ended(exit_, reason, started, time.time())
        self._become(ended)
        return ended

    async def _prepared(self) -> Command:
        while True:
            try:
                return await self._prepare()
            except Missing as missing:
                self._become(Waiting("CreateContainerConfigError", str(missing)))
                await sleep(self._reactor, _CONFIG_RETRY)

    async def _probes(self, command: Command) -> None:
        if self.plan.startup is not None:
            if not await self._passes(self.plan.startup, command):
                await self._kill("startup probe failed")
                return
            self.started = True
            self._changed()
        beside = Tasks()
        try:
            if self.plan.liveness is not None:
                beside.start(f"liveness of {self.plan.name}", self._liveness(self.plan.liveness, command))
            if self.plan.readiness is None:
                self._set_ready(True)
            else:
                beside.start(f"readiness of {self.plan.name}", self._readiness(self.plan.readiness, command))
            await beside.join()
        finally:
            beside.cancel()

    async def _passes(self, probe: Probe, command: Command) -> bool:
        """Ask until the answer is yes (True) or the time for all failures that may be is over (False)."""
        await sleep(self._reactor, probe.initial_delay)
        deadline = self._reactor.seconds() + probe.failures * probe.period
        while not await self._holds(probe, command):
            if self._reactor.seconds() > deadline:
                return False
            await sleep(self._reactor, min(probe.period, _EAGER_PERIOD))
        return True

    async def _liveness(self, probe: Probe, command: Command) -> None:
        await sleep(self._reactor, probe.initial_delay)
        failures = 0
        while failures < probe.failures:
            failures = 0 if await self._holds(probe, command) else failures + 1
            await sleep(self._reactor, probe.period)
        await self._kill("liveness probe failed")

    async def _readiness(self, probe: Probe, command: Command) -> None:
        await sleep(self._reactor, probe.initial_delay)
        streak, last = 0, False
        while True:
            holds = await self._holds(probe, command)
            streak = streak + 1 if holds == last else 1
            last = holds
            if streak >= (probe.successes if holds else probe.failures):
                self._set_ready(holds)
            await sleep(self._reactor, probe.period if self.ready else min(probe.period, _EAGER_PERIOD))

    async def _holds(self, probe: Probe, command: Command) -> bool:
        async def run(argv: tuple[str, ...]) -> Exit:
            group = self._groups.start(argv, command.env, cwd=self.plan.folder, output=self.plan.output)
            try:
                return await group.ended()
            finally:
                await group.stop(0)

        try:
            await self._prober.ask(probe, run)
        except ProbeFailed:
            return False
        return True

    async def _kill(self, why: str) -> None:
        self._why_killed = "".join(word.capitalize() for word in why.split())
        if self._group is not None:
            await self._group.stop(5.0)

    def _set_ready(self, ready: bool) -> None:
        if ready != self.ready:
            self.ready = ready
            self._changed()

    def _become(self, state: State) -> None:
        self.state = state
        self._changed()

"""One measurement: a contender started anew, loaded, weighed and ended."""

from pathlib import Path

from attrs import frozen

from bench.load import Load, Target
from bench.machine import Cores, CpuTime
from bench.mesh import HOST, OUTSIDE, Mesh, ask, trials
from bench.origins import Origins
from bench.peers import Peer
from bench.processes import BenchError, Process


@frozen
class Contender:
    """A peer that enforces a mesh, under the name of its row."""

    peer: Peer
    mesh: Mesh
    label: str = ""

    @property
    def name(self) -> str:
        return self.label or self.peer.name


@frozen
class Sample:
    """CPU seconds per unit, units per second, latencies in ms, memory in MiB, seconds from start to ready.

    `busy` is the part of its core that the contender used: near 1 when it was saturated.
    """

    cpu: CpuTime
    rate: float
    p50: float | None
    p99: float | None
    idle: float
    loaded: float
    start: float

    @property
    def busy(self) -> float:
        return self.cpu.total * self.rate


@frozen
class Bench:
    """Where measurements are made: a folder for their files, the cores, and the apps behind the contenders."""

    folder: Path
    cores: Cores
    origins: Origins

    def measure(self, contender: Contender, load: Load) -> Sample:
        launch = contender.peer.prepare(self.folder, contender.mesh, self.origins.loaded)
        target = Target(launch.port, contender.mesh, self.folder)
        with Process(launch.command, self._log(contender), self.cores.proxy) as process:
            start = process.wait_until(launch.is_ready)
            idle = process.resident()
            load.warm_up(target)
            process.forget_most_resident()
            before = process.cpu_time()
            done = load.run(target)
            spent, loaded = process.cpu_time().since(before), process.most_resident()
        cpu = CpuTime(spent.user / done.units, spent.system / done.units)
        return Sample(cpu, done.rate, done.p50, done.p99, idle, loaded, start)

    def check(self, contender: Contender) -> None:
        """Raises BenchError unless the contender enforces the mesh: what does not check has no price."""
        mesh = contender.mesh
        launch = contender.peer.prepare(self.folder, mesh, self.origins.telling)
        with Process(launch.command, self._log(contender), self.cores.proxy) as process:
            process.wait_until(launch.is_ready)
            if mesh.outbound:
                _check_attaches(contender.name, launch.port, mesh)
            else:
                _check_enforces(contender.name, launch.port, mesh)

    def _log(self, contender: Contender) -> Path:
        return self.folder / f"{contender.name}.log"


def _check_enforces(name: str, port: int, mesh: Mesh) -> None:
    for trial in trials(mesh):
        answer = ask(port, trial.path, trial.authorization, trial.method)
        if answer is None or answer.status not in trial.wanted:
            raise BenchError(f"{name} answered {trial.what} with {answer and answer.status}")
    seen = ask(port, f"{mesh.path}/seen", f"Bearer {mesh.token()}")
    if seen is None or seen.body != f"{mesh.subject} ":
        raise BenchError(f"behind {name} the app should see the caller, and not the token: {seen}")


def _check_attaches(name: str, port: int, mesh: Mesh) -> None:
    inside = ask(port, f"{mesh.path}/seen", host=HOST)
    if inside is None or not inside.body.startswith(" Bearer eyJ"):
        raise BenchError(f"behind {name} a host of the mesh should see a token")
    outside = ask(port, f"{mesh.path}/seen", host=OUTSIDE)
    if outside is None or outside.body != " ":
        raise BenchError(f"behind {name} a host outside of the mesh should see no token")

"""The machine: which cores play which part, and what the kernel says about a process (proc(5))."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

KIB_PER_MIB = 1024


@frozen
class Cores:
    """`proxy` runs what is measured, `load` everything else. One core alone plays both parts."""

    proxy: frozenset[int]
    load: frozenset[int]

    @property
    def apart(self) -> bool:
        return self.proxy.isdisjoint(self.load)

    def __str__(self) -> str:
        if not self.apart:
            return "nothing pinned: there is only one core"
        return f"proxies on core {_listed(self.proxy)}, load generator and origin on {_listed(self.load)}"


def _listed(cores: Iterable[int]) -> str:
    return ",".join(str(core) for core in sorted(cores))


def share_out(available: Iterable[int]) -> Cores:
    """The highest core for the proxy, the others for the load."""
    *others, highest = sorted(available)
    return Cores(frozenset({highest}), frozenset(others or {highest}))


@frozen
class CpuTime:
    """CPU seconds of all threads of a process, ended ones included."""

    user: float
    system: float

    def since(self, before: "CpuTime") -> "CpuTime":
        return CpuTime(self.user - before.user, self.system - before.system)

    @property
    def total(self) -> float:
        return self.user + self.system


def read_cpu_time(stat: str, ticks_per_second: int) -> CpuTime:
    """Reads /proc/PID/stat: utime and stime are its fields 14 and 15; the name in field 2 may hold anything."""
    fields = stat.rpartition(")")[2].split()
    return CpuTime(int(fields[11]) / ticks_per_second, int(fields[12]) / ticks_per_second)


def read_memory(status: str, name: str) -> float:
    """A size of /proc/PID/status in MiB: VmRSS is resident now, VmHWM the most that was resident."""
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / KIB_PER_MIB
    raise ValueError(f"no {name} in /proc/PID/status")


def read_cpu_model(cpuinfo: str) -> str:
    for line in cpuinfo.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def describe() -> str:
    """The machine in one line, and how busy it is with other work (load average of one minute)."""
    model, cores = read_cpu_model(Path("/proc/cpuinfo").read_text()), len(os.sched_getaffinity(0))
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {cores} cores, {system}, load average {os.getloadavg()[0]:.1f} before the run"

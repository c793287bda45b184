"""`task bench`: measures workloads in rounds, prints their tables, and judges the bars."""

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from attrs import evolve

from bench import origins
from bench.load import ClosedLoop
from bench.machine import Cores, describe, share_out
from bench.measure import Bench
from bench.open_loop import OpenLoop
from bench.peers import first_line, which
from bench.processes import BenchError
from bench.report import Verdict, disturbance, table, verdicts
from bench.summary import Rounds
from bench.unary import Unary
from bench.workloads import WORKLOADS, Workload

MET, MISSED, NOTHING_SAID = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 all bars met, 1 one was missed, 2 nothing sound could be measured."""
    asked = read_arguments(arguments)
    chosen = [each for each in WORKLOADS if each.name in asked.workload or "all" in asked.workload]
    cores = share_out(os.sched_getaffinity(0)) if sys.platform == "linux" else None
    try:
        if cores is None:
            raise BenchError("the figures come from Linux's /proc: run it on Linux")
        _demand_programs(chosen)
        _compile_byte_code()
        judged = _measure_all([quicker(each) if asked.quick else each for each in chosen], asked.rounds, cores)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return NOTHING_SAID
    except KeyboardInterrupt:
        return NOTHING_SAID
    return MET if all(verdict.met for verdict in judged) else MISSED


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    names = [each.name for each in WORKLOADS]
    parser = argparse.ArgumentParser(prog="task bench --", description=__doc__)
    parser.add_argument(
        "--workload",
        action="append",
        choices=[*names, "all"],
        help=f"which to measure; may be given more than once (default: {names[0]})",
    )
    parser.add_argument("--rounds", type=int, help="how often each contender has its turn (default 5)")
    parser.add_argument("--quick", action="store_true", help="two rounds of short loads: a glance, no figure to quote")
    asked = parser.parse_args(arguments)
    asked.workload = asked.workload or names[:1]
    if asked.rounds is None:
        asked.rounds = 2 if asked.quick else 5
    if asked.rounds < 1:
        parser.error(f"--rounds: got {asked.rounds}, wanted 1 or more")
    return asked


def quicker(workload: Workload) -> Workload:
    load = workload.load
    return (
        evolve(workload, load=evolve(load, seconds=-(-load.seconds // 4)))
        if isinstance(load, ClosedLoop | OpenLoop | Unary)
        else workload
    )


def _demand_programs(workloads: Sequence[Workload]) -> None:
    wanted = {each.peer.install: each.peer for workload in workloads for each in workload.contenders}
    missing = [f"{peer.name}: {how}" for how, peer in wanted.items() if peer.program is None]
    tools = {"wrk": "wrk"}
    if any(isinstance(each.load, Unary) for each in workloads):
        tools |= {"h2load": "nghttp2-client", "nghttpd": "nghttp2-server"}
    missing += [f"{tool}: apt-get install {package}" for tool, package in tools.items() if which(tool) is None]
    if missing:
        raise BenchError("not installed (Debian's and uv's names): " + "; ".join(missing))


def _compile_byte_code() -> None:
    """As the sidecar's image has it: where Python may keep none, each start would compile all that it loads."""
    packages = sysconfig.get_path("purelib")
    ours = [path for path in sys.path if Path(path).name == "src"]
    _progress("compiling")
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-j", "0", packages, *ours], check=False)


def _generators() -> str:
    wrk = first_line(which("wrk"), "-v").partition(" [")[0]
    return f"{wrk}, h2load of {first_line(which('h2load'), '--version').removeprefix('h2load ')}"


def _measure_all(workloads: Sequence[Workload], rounds: int, cores: Cores) -> list[Verdict]:
    judged = []
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {describe()}; {cores}.")
    print(f"Load generators: {_generators()}. Medians of {rounds} rounds.")
    # What is started from here inherits it, wrk among them.
    os.sched_setaffinity(0, cores.load)
    for workload in workloads:
        measured = _measure(workload, rounds, cores)
        versions = dict.fromkeys(each.peer.version() for each in workload.contenders)
        print(f"\n### {workload.name}: {workload.title}\n\n{', '.join(versions)}\n\n{table(workload, measured)}\n")
        if disturbed := disturbance(workload, measured):
            print(f"{disturbed}\n")
        found = verdicts(workload, measured)
        for verdict in found:
            print(verdict)
        judged += found
    return judged


def _measure(workload: Workload, rounds: int, cores: Cores) -> Rounds:
    measured = []
    with tempfile.TemporaryDirectory(prefix="aegis-bench-") as name:
        folder = Path(name)
        with origins.running(workload.load, folder, cores.load) as found:
            bench = Bench(folder, cores, found)
            for contender in workload.contenders:
                _progress(f"{workload.name}: does {contender.name} check?")
                bench.check(contender)
            for number in range(1, rounds + 1):
                samples = {}
                for contender in workload.contenders:
                    _progress(f"{workload.name}: round {number} of {rounds}, {contender.name}")
                    samples[contender.name] = bench.measure(contender, workload.load)
                measured.append(samples)
    _progress("")
    return measured


def _progress(line: str) -> None:
    """On a terminal one line that changes, else a line each."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{line}")
    elif line:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()

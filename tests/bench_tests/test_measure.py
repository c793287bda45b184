"""Measuring, on the real proxy and with the origin that needs nothing but Python."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from bench import long_origin, origins
from bench.load import MIB, LongBody
from bench.machine import share_out
from bench.measure import Bench, Contender
from bench.mesh import Mesh
from bench.origins import Origins
from bench.peers import Aegis, AegisOut, Launch
from bench.processes import BenchError, Process
from servers.processes import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU time and memory are read from Linux's /proc")


@frozen
class Careless:
    """A contender that answers whoever asks."""

    name: str = "Careless"
    install: str = "nothing to install"
    program: Path | None = Path(sys.executable)

    def version(self) -> str:
        return "Careless 1"

    def prepare(self, folder: Path, mesh: Mesh, origin: int) -> Launch:
        port = free_port()
        return Launch((sys.executable, long_origin.__file__, str(port)), port, (port, "/", None))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    cores = share_out(os.sched_getaffinity(0))
    with origins.running(LongBody("down"), tmp_path, cores.load) as origin:
        yield Bench(tmp_path, cores, origin)


def test_aegis_enforces_what_it_is_measured_with(bench: Bench) -> None:
    """Every trial is answered as wanted, and the app sees the caller but not the token."""
    bench.check(Contender(Aegis(), Mesh()))


def test_what_attaches_no_token_is_not_measured(tmp_path: Path) -> None:
    """The way out is measured only where a host of the mesh gets a token, and another one none."""
    cores = share_out(os.sched_getaffinity(0))

    def telling(asked: Received) -> Answer:
        return Answer(200, f" {asked.headers.get('authorization', '')}".encode())

    with LoopbackServer(telling) as server:
        bench = Bench(tmp_path, cores, Origins(server.port, server.port))
        bench.check(Contender(AegisOut(), Mesh(outbound=True)))


def test_what_does_not_check_is_not_measured(bench: Bench) -> None:
    """A contender that lets everybody in has no price that could be compared."""
    with pytest.raises(BenchError, match="Careless answered no token with 200"):
        bench.check(Contender(Careless(), Mesh()))


@pytest.mark.parametrize("load", [LongBody("down", 4 * MIB), LongBody("up", 4 * MIB)], ids=["down", "up"])
def test_a_contender_is_weighed(bench: Bench, load: LongBody) -> None:
    """A long body passes whole through the proxy, whose memory and start are taken from the real process."""
    sample = bench.measure(Contender(Aegis(), Mesh()), load)
    assert sample.rate > 0
    assert min(sample.idle, sample.loaded) > 10
    assert 0 < sample.start < 60
    assert (sample.p50, sample.p99) == (None, None)


def test_a_program_that_ends_early_is_told_with_its_log(tmp_path: Path) -> None:
    """What it wrote last says why."""
    command = [sys.executable, "-c", "raise SystemExit('no such setting')"]
    with (
        Process(command, tmp_path / "log", frozenset(os.sched_getaffinity(0))) as process,
        pytest.raises(BenchError, match="no such setting"),
    ):
        process.wait_until(lambda: False)


def test_nothing_is_left_running(tmp_path: Path) -> None:
    """With the end of the block the process is gone, and has no figures any more."""
    with Process(["sleep", "60"], tmp_path / "log", frozenset(os.sched_getaffinity(0))) as process:
        assert process.resident() > 0
    with pytest.raises(BenchError, match="sleep is not running"):
        process.resident()

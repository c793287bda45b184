"""The load by a schedule."""

import itertools
import time
from pathlib import Path

from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from bench.load import Target
from bench.mesh import Mesh
from bench.open_loop import OpenLoop, percentile


def test_percentiles() -> None:
    """The least value that so many percent do not exceed."""
    values = [float(number) for number in range(1, 201)]
    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99)) == (100.0, 198.0, 7.0)


def test_a_slow_answer_delays_what_comes_behind_it(tmp_path: Path) -> None:
    """All requests that were due while the only connection was busy are late, not only the one that was slow."""

    asked = itertools.count(1)

    def slow(_: Received) -> Answer:
        if next(asked) == 25:
            time.sleep(0.5)
        return Answer(200, b"ok")

    with LoopbackServer(slow) as server:
        load = OpenLoop(rate=20, connections=1, seconds=2)
        done = load.run(Target(server.port, Mesh(), tmp_path))
    assert done.units == 40
    assert done.p50 is not None
    assert done.p99 is not None
    assert done.p99 >= 400
    late = 0.5 * 20  # requests were due within the half second, each of them late by what was left of it
    assert late > 40 - 40 * 0.99

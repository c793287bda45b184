import pytest
from attrs import evolve

from bench.machine import CpuTime
from bench.measure import Sample
from bench.report import disturbance, markdown, number, table, verdicts
from bench.workloads import WORKLOADS, Workload

WORKLOAD = WORKLOADS[0]
OURS = Sample(CpuTime(20e-6, 10e-6), rate=30_000.0, p50=1.0, p99=2.5, idle=44.0, loaded=45.5, start=0.41)


def _round(cpu: float) -> dict[str, Sample]:
    """Each peer's CPU per request is `cpu` times ours."""
    peers = [contender.name for contender in WORKLOAD.contenders[1:]]
    other = evolve(OURS, cpu=CpuTime(20e-6 * cpu, 10e-6 * cpu))
    return {"Aegis": OURS, **dict.fromkeys(peers, other)}


def _cells(text: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_the_table_has_a_row_for_each_contender() -> None:
    """CPU in microseconds per request, ours by theirs with the range of the rounds, and what loaded it."""
    cells = _cells(table(WORKLOAD, [_round(2.0), _round(2.5), _round(4.0)]))
    head = cells[""]
    ours, haproxy = (dict(zip(head, cells[name], strict=True)) for name in ("Aegis", "HAProxy"))
    assert haproxy["our CPU by its (range)"] == "0.40 (0.25-0.50)"
    assert haproxy["CPU us/request"] == "75.0"
    assert (ours["requests/s"], ours["core busy"], ours["user"], ours["system"]) == ("30,000", "90%", "20.0", "10.0")
    assert (ours["p99 ms"], ours["RSS idle MiB"], ours["start s"]) == ("2.50", "44.0", "0.41")


def test_long_bodies_are_told_in_seconds() -> None:
    """A GiB costs CPU seconds, and has no latency."""
    down = next(each for each in WORKLOADS if each.name == "down")
    sample = evolve(OURS, cpu=CpuTime(0.25, 0.75), rate=0.9, p50=None, p99=None)
    cells = _cells(table(down, [{contender.name: sample for contender in down.contenders}]))
    ours = dict(zip(cells[""], cells["Aegis"], strict=True))
    assert (ours["CPU s/GiB"], ours["GiB/s"], ours["p50 ms"]) == ("1.00", "0.90", "-")


def test_a_disturbed_run_says_so() -> None:
    """Figures of a core that was not saturated are not those of one that was."""
    starved = evolve(OURS, rate=9_000.0)
    assert disturbance(WORKLOAD, [_round(1.0)]) == ""
    assert "only 27% of its core" in disturbance(WORKLOAD, [{**_round(1.0), "HAProxy": starved}])


@pytest.mark.parametrize(("cpu", "met"), [(4.0, [True, True]), (1.5, [True, False]), (1.0, [False, False])])
def test_bars_are_met_or_missed(cpu: float, met: list[bool]) -> None:
    """A bar is met when the figure is at most the bar; both are told."""
    found = verdicts(WORKLOAD, [_round(cpu)])
    assert [verdict.met for verdict in found[:2]] == met
    assert [str(verdict).endswith(": met") for verdict in found[:2]] == met


def test_a_verdict_tells_figure_and_bar() -> None:
    """One line that can be quoted."""
    texts = [str(verdict) for verdict in verdicts(WORKLOAD, [_round(4.0)])]
    assert "- CPU beside Envoy: 0.25 x, at most 0.27 x: met" in texts
    assert "- RSS idle: 44.0 MiB, at most 45.0 MiB: met" in texts
    assert "- start to ready: 0.41 s, at most 0.60 s: met" in texts


def test_latencies_are_compared_round_by_round() -> None:
    """p99 beside a peer, and memory beside its own start."""
    fixed, down = (next(each for each in WORKLOADS if each.name == name) for name in ("fixed-rate", "down"))
    rounds = [
        {"Aegis": OURS, **dict.fromkeys(("HAProxy", "Envoy"), evolve(OURS, p99=p99))} for p99 in (5.0, 10.0, 20.0)
    ]
    assert [str(verdict) for verdict in verdicts(fixed, rounds)] == ["- p99 beside Envoy: 0.25 x, at most 0.50 x: met"]
    assert disturbance(fixed, rounds) == ""
    assert "- RSS growth: 1.50 MiB, at most 8.00 MiB: met" in map(str, verdicts(down, rounds))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.4, "0.40"), (9.994, "9.99"), (9.996, "10.0"), (45.25, "45.2"), (99.96, "100"), (12345.6, "12,346")],
)
def test_figures_have_the_digits_that_count(value: float, text: str) -> None:
    """Three, or all before the point."""
    assert number(value) == text


def test_columns_are_in_line() -> None:
    """A table reads well before it is rendered, too."""
    assert markdown([["", "a"], ["name", "1.00"]]) == "|      |    a |\n| ---- | ---: |\n| name | 1.00 |"


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_every_workload_can_be_told(workload: Workload) -> None:
    """Its contenders have different names, ours is the first, and its bars name contenders that are there."""
    names = [contender.name for contender in workload.contenders]
    assert len(set(names)) == len(names)
    assert names[0] == "Aegis"
    rounds = [dict.fromkeys(names, OURS)]
    assert len(verdicts(workload, rounds)) == len(workload.bars)
    assert len(table(workload, rounds).splitlines()) == len(names) + 2

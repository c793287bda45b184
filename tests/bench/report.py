"""The report: Markdown that reads well in a terminal too, so that docs/performance.md can hold it as it was printed."""

from collections.abc import Callable, Sequence
from statistics import median

from attrs import frozen

from bench.measure import Sample
from bench.open_loop import OpenLoop
from bench.summary import Rounds, ratios
from bench.workloads import Bar, Workload

# In what the CPU time of a unit is told, and how many of it are a second.
_CPU = {"request": ("us", 1e6), "GiB": ("s", 1.0)}

_SATURATED = 0.85


@frozen
class Column:
    head: str
    figure: Callable[[Sample], float | None]
    form: Callable[[float], str]

    def cell(self, samples: Sequence[Sample]) -> str:
        values = [value for value in map(self.figure, samples) if value is not None]
        return self.form(median(values)) if values else "-"


def number(value: float) -> str:
    """Three digits that count, or all before the point."""
    places = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{places}f}"


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _columns(unit: str) -> tuple[Column, ...]:
    name, per_second = _CPU[unit]
    return (
        Column("requests/s" if unit == "request" else "GiB/s", lambda sample: sample.rate, number),
        Column("core busy", lambda sample: sample.busy, _percent),
        Column(f"CPU {name}/{unit}", lambda sample: sample.cpu.total * per_second, number),
        Column("user", lambda sample: sample.cpu.user * per_second, number),
        Column("system", lambda sample: sample.cpu.system * per_second, number),
        Column("p50 ms", lambda sample: sample.p50, number),
        Column("p99 ms", lambda sample: sample.p99, number),
        Column("RSS idle MiB", lambda sample: sample.idle, number),
        Column("loaded MiB", lambda sample: sample.loaded, number),
        Column("start s", lambda sample: sample.start, number),
    )


def table(workload: Workload, rounds: Rounds) -> str:
    """One row per contender. Every figure is a median of the rounds; the ratios also show their range."""
    ours, columns = workload.contenders[0].name, _columns(workload.load.unit)
    rows = [["", "our CPU by its (range)", *(column.head for column in columns)]]
    for name in (contender.name for contender in workload.contenders):
        samples = [each[name] for each in rounds]
        beside = "1" if name == ours else _range(ratios(rounds, ours, name))
        rows.append([name, beside, *(column.cell(samples) for column in columns)])
    return markdown(rows)


def disturbance(workload: Workload, rounds: Rounds) -> str:
    """What a reader must know when the load could not saturate the contenders; empty when it did.

    The rate of long bodies is also bounded by who sends and receives them, so their core is not full; nor is it at a
    fixed rate.
    """
    least = min(median(each[contender.name].busy for each in rounds) for contender in workload.contenders)
    if workload.load.unit != "request" or isinstance(workload.load, OpenLoop) or least >= _SATURATED:
        return ""
    return (
        f"Not saturated: a contender used only {_percent(least)} of its core, because other programs ran beside it. "
        "Every proxy then pays more for a request, and starts later. Repeat on a quiet machine before quoting this."
    )


def _range(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table with its columns in line; all but the first are set to the right, like figures are."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [rows[0], rule, *rows[1:]])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@frozen
class Verdict:
    """A bar with its figure."""

    bar: Bar
    figure: float

    @property
    def met(self) -> bool:
        return self.figure <= self.bar.most

    def __str__(self) -> str:
        asked, unit = self.bar.figure, self.bar.figure.unit
        got = f"{asked.text}: {number(self.figure)} {unit}, at most {number(self.bar.most)} {unit}"
        return f"- {got}: {'met' if self.met else 'missed'}"


def verdicts(workload: Workload, rounds: Rounds) -> list[Verdict]:
    return [Verdict(bar, bar.figure.of(rounds)) for bar in workload.bars]

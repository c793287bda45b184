"""From samples to figures: this runs on small, shared machines, where single figures say little and ratios much."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from bench.measure import Sample

Rounds = Sequence[Mapping[str, Sample]]
"""The samples of each round, by the contender's name."""


def typical(rounds: Rounds, name: str, figure: Callable[[Sample], float]) -> float:
    """The median of a contender's figure over the rounds."""
    return median(figure(each[name]) for each in rounds)


def ratios(rounds: Rounds, ours: str, other: str) -> list[float]:
    """CPU per unit of `ours` by that of `other`, in each round: what disturbs a round disturbs both."""
    return [each[ours].cpu.total / each[other].cpu.total for each in rounds]


def latency_ratio(rounds: Rounds, ours: str, other: str) -> float:
    """The median of the ratios of p99."""
    pairs = [(each[ours].p99, each[other].p99) for each in rounds]
    return median(mine / theirs for mine, theirs in pairs if mine is not None and theirs is not None)


def ratio(rounds: Rounds, ours: str, other: str) -> float:
    """The median of the ratios, which is not the ratio of the medians."""
    return median(ratios(rounds, ours, other))

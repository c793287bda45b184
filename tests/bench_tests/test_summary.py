import pytest

from bench.machine import CpuTime
from bench.measure import Sample
from bench.summary import ratio, ratios, typical


def _sample(cpu: float, start: float = 0.5) -> Sample:
    return Sample(CpuTime(cpu / 2, cpu / 2), rate=1000.0, p50=1.0, p99=2.0, idle=40.0, loaded=41.0, start=start)


def _rounds(*cpus: tuple[float, float]) -> list[dict[str, Sample]]:
    return [{"Aegis": _sample(ours), "Other": _sample(other)} for ours, other in cpus]


def test_ratios_are_taken_in_a_round() -> None:
    """A round in which the machine was slow is slow for both, and does not change what they cost beside each other."""
    assert ratios(_rounds((30e-6, 60e-6), (300e-6, 600e-6)), "Aegis", "Other") == pytest.approx([0.5, 0.5])


def test_the_median_of_ratios() -> None:
    """Not the ratio of the medians, which would be 30 by 60 here, and not their mean."""
    rounds = _rounds((30e-6, 40e-6), (20e-6, 100e-6), (90e-6, 60e-6))
    assert ratio(rounds, "Aegis", "Other") == pytest.approx(0.75)


def test_the_median_of_a_figure() -> None:
    """One bad round does not count."""
    rounds = [{"Aegis": _sample(1.0, start=seconds)} for seconds in (0.4, 9.0, 0.5)]
    assert typical(rounds, "Aegis", lambda sample: sample.start) == 0.5


def test_a_saturated_core_is_busy() -> None:
    """CPU seconds per request times requests per second is the part of a core that was used."""
    assert _sample(0.0009).busy == pytest.approx(0.9)

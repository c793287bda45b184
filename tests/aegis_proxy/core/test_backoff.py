import pytest

from aegis_proxy.core.backoff import Backoff


def test_delays_double_up_to_the_longest() -> None:
    """1, 2, 4, ... and no further than `most`, however many failures there were."""
    backoff = Backoff(first=1.0, most=60.0)
    assert [backoff.delay(failures, 0.0) for failures in (1, 2, 3, 6, 7, 8, 10_000)] == [1, 2, 4, 32, 60, 60, 60]


@pytest.mark.parametrize(("jitter", "roll", "delay"), [(1.0, 0.5, 3.0), (0.2, 0.5, 2.2), (0.0, 0.9, 2.0)])
def test_jitter_adds_its_part(jitter: float, roll: float, delay: float) -> None:
    """Many that failed together do not come back together."""
    assert Backoff(first=2.0, most=9.0, jitter=jitter).delay(1, roll) == pytest.approx(delay)

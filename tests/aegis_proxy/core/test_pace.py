from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.pace import Pace


def test_d02_each_byte_buys_its_time() -> None:
    """After the grace, which all have."""
    pace = Pace(100.0, grace=30.0, rate=64.0)
    assert pace.deadline == 130.0
    pace.moved(6400)
    assert pace.deadline == 230.0


def test_time_that_is_not_the_clients_does_not_count() -> None:
    """It can send nothing while nobody reads."""
    pace = Pace(100.0, grace=30.0, rate=64.0)
    pace.pause(110.0)
    assert pace.deadline == float("inf")
    pace.resume(150.0)
    assert pace.deadline == 170.0
    pace.resume(160.0)
    assert pace.deadline == 170.0


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 10_000)), max_size=50))
def test_who_keeps_the_pace_is_never_late(pieces: list[tuple[float, int]]) -> None:
    """Whatever the pieces: late is who sent less than the rate since the grace ended, and nobody else."""
    pace, now, sent = Pace(0.0, grace=30.0, rate=64.0), 0.0, 0
    for seconds, size in pieces:
        now += seconds
        assert (pace.deadline < now - 1e-6) <= (sent < 64.0 * (now - 30.0))
        pace.moved(size)
        sent += size

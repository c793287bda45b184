import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.refresh import RefetchGate, key_set_period, spread, token_refresh_delay


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("", 300),
        ("public", 300),
        ("public, max-age=600", 600),
        ("MAX-AGE=600", 600),
        ('max-age="600"', 600),
        ("max-age=1", 60),
        ("max-age=999999999", 3600),
        ("s-maxage=900", 300),
        ("max-age=x", 300),
        ("max-age=600, no-cache", 60),
        ("no-store", 60),
    ],
)
def test_the_issuer_says_how_long_keys_are_good(field: str, seconds: int) -> None:
    """Between a minute and an hour."""
    assert key_set_period(field) == seconds


def test_times_are_spread_by_a_tenth() -> None:
    """So that many proxies do not ask at once."""
    assert (spread(100, 0.0), spread(100, 0.5), spread(100, 1.0)) == pytest.approx((90, 100, 110))


@pytest.mark.parametrize(("roll", "delay"), [(0.0, 720), (0.5, 800), (1.0, 880)])
def test_a_token_is_renewed_at_80_percent_of_its_life(roll: float, delay: float) -> None:
    """A tenth less or more."""
    assert token_refresh_delay(issued=0, expires=1000, now=0, roll=roll) == pytest.approx(delay)


@pytest.mark.parametrize(("now", "delay"), [(500, 300), (796, 40.8), (900, 20), (990, 5)])
def test_a_token_that_comes_old_is_asked_for_again_soon(now: float, delay: float) -> None:
    """The kubelet renews its file a little later than we ask."""
    assert token_refresh_delay(issued=0, expires=1000, now=now, roll=0.5) == pytest.approx(delay)


@given(st.floats(-1e9, 1e9), st.floats(1, 1e6), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_a_renewal_is_always_in_the_future(issued: float, life: float, part: float, roll: float) -> None:
    """No token makes a busy loop."""
    assert token_refresh_delay(issued, issued + life, issued + part * life, roll) >= 4.9


def test_j08_one_fetch_in_ten_seconds_whatever_the_kids() -> None:
    """10 000 distinct unknown kids in a second."""
    gate = RefetchGate()
    assert sum(gate.admits(f"k{number}", number / 10_000) for number in range(10_000)) == 1
    assert gate.admits("k", 10.0)


def test_j08_a_kid_that_was_not_found_is_not_asked_for_again_soon() -> None:
    """For a minute; others are."""
    gate = RefetchGate()
    assert gate.admits("a", 0)
    gate.not_found("a", 1)
    assert not gate.admits("a", 20)
    assert gate.admits("b", 20)
    assert gate.admits("a", 61)


def test_j08_few_kids_are_remembered() -> None:
    """The oldest goes first."""
    gate = RefetchGate(floor=0.0, most=2)
    for kid in ("a", "b", "a", "c"):
        gate.not_found(kid, 0)
    assert [kid for kid in ("a", "b", "c") if gate.admits(kid, 1)] == ["b"]


def test_a_clock_that_jumps_back_does_not_lock_the_gate() -> None:
    """The next kid is fetched for."""
    gate = RefetchGate()
    gate.admits("a", 1000)
    gate.not_found("a", 1000)
    assert gate.admits("a", 0)

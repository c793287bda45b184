"""Cron schedules."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_local.sources.cron import BadSchedule, parse_schedule


def after(schedule: str, moment: str, zone: str = "UTC") -> str:
    found = parse_schedule(schedule, ZoneInfo(zone)).after(datetime.fromisoformat(moment))
    assert found is not None
    return found.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("schedule", "moment", "expected"),
    [
        ("*/5 * * * * *", "2026-01-01T00:00:00Z", "2026-01-01 00:00:05"),
        ("*/5 * * * * *", "2026-01-01T00:00:04.9Z", "2026-01-01 00:00:05"),
        ("*/5 * * * * *", "2026-12-31T23:59:58Z", "2027-01-01 00:00:00"),
        ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01 00:01:00"),
        ("30 4 * * *", "2026-01-01T05:00:00Z", "2026-01-02 04:30:00"),
        ("0 0 1 * *", "2026-01-15T00:00:00Z", "2026-02-01 00:00:00"),
        ("0 0 29 feb *", "2026-01-01T00:00:00Z", "2028-02-29 00:00:00"),
        ("0 0 * * MON", "2026-01-01T00:00:00Z", "2026-01-05 00:00:00"),
        ("0 0 * * 1-5", "2026-01-02T12:00:00Z", "2026-01-05 00:00:00"),
        ("0 0 13 * fri", "2026-01-01T00:00:00Z", "2026-01-02 00:00:00"),
        ("0 0 13 * ?", "2026-01-01T00:00:00Z", "2026-01-13 00:00:00"),
        ("0 9-17/4 * * *", "2026-01-01T09:30:00Z", "2026-01-01 13:00:00"),
        ("10,20/20 * * * * *", "2026-01-01T00:00:15Z", "2026-01-01 00:00:20"),
        ("@hourly", "2026-01-01T00:30:00Z", "2026-01-01 01:00:00"),
        ("@yearly", "2026-01-01T00:30:00Z", "2027-01-01 00:00:00"),
    ],
)
def test_the_next_moment(schedule: str, moment: str, expected: str) -> None:
    """Later than the moment given, with every field fitting; two kinds of days mean either."""
    assert after(schedule, moment) == expected


def test_a_schedule_holds_in_its_time_zone() -> None:
    """Noon in Berlin is not noon in Greenwich."""
    assert after("0 12 * * *", "2026-01-01T00:00:00Z", "Europe/Berlin") == "2026-01-01 11:00:00"


def test_a_schedule_that_never_comes() -> None:
    """There is no 30 February."""
    assert parse_schedule("0 0 30 2 *", UTC).after(datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("", "wanted five fields"),
        ("* * * *", "wanted five fields"),
        ("* * * * * * *", "wanted five fields"),
        ("@sometimes", "wanted five fields"),
        ("60 * * * *", r"got '60', wanted numbers from 0 to 59"),
        ("* * 0 * *", r"got '0', wanted numbers from 1 to 31"),
        ("5-1 * * * *", "got '5-1'"),
        ("*/0 * * * *", "a step above 0"),
        ("a * * * *", "got 'a', wanted a number"),
        ("* * * smarch *", "one of jan, feb"),
        ("1.5 * * * *", "N-M"),
        ("* * * * *,", "got ''"),
    ],
)
def test_what_is_no_schedule_is_refused(schedule: str, message: str) -> None:
    """With what came and what was wanted."""
    with pytest.raises(BadSchedule, match=message):
        parse_schedule(schedule, UTC)


@given(st.integers(1, 30), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_every_n_seconds_is_never_more_than_n_seconds_away(step: int, naive: datetime) -> None:
    """And always on a second that the step divides."""
    moment = naive.replace(tzinfo=UTC)
    found = parse_schedule(f"*/{step} * * * * *", UTC).after(moment)
    assert found is not None
    assert timedelta(0) < found - moment <= timedelta(seconds=step)
    assert found.second % step == 0

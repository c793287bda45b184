"""Cron schedules, with seconds if there are six fields, as PingSource reads them (robfig/cron v3). Pure."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from attrs import frozen

_MONTHS = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_ITEM = re.compile(r"(?P<first>\*|\?|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
# The longest time without a match of a schedule that has one: 29 February over a century's leap gap.
_HORIZON = timedelta(days=8 * 366 + 1)


class BadSchedule(ValueError):  # says what it is
    """A schedule that cannot be read. Its text says what came and what was wanted."""


@frozen
class _Field:
    values: frozenset[int]
    any: bool


@frozen
class Schedule:
    """The moments at which every field fits, in `zone`."""

    seconds: _Field
    minutes: _Field
    hours: _Field
    days: _Field
    months: _Field
    weekdays: _Field
    zone: tzinfo

    def after(self, moment: datetime) -> datetime | None:
        """The first moment later than the aware `moment`; None for a schedule that never comes (30 February)."""
        found = moment.astimezone(self.zone).replace(microsecond=0) + timedelta(seconds=1)
        limit = found + _HORIZON
        while found < limit:
            if found.month not in self.months.values or not self._fits_day(found):
                found = found.replace(hour=0, minute=0, second=0) + timedelta(days=1)
            elif found.hour not in self.hours.values:
                found = found.replace(minute=0, second=0) + timedelta(hours=1)
            elif found.minute not in self.minutes.values:
                found = found.replace(second=0) + timedelta(minutes=1)
            elif found.second not in self.seconds.values:
                found += timedelta(seconds=1)
            else:
                return found
        return None

    def _fits_day(self, moment: datetime) -> bool:
        by_date = moment.day in self.days.values
        by_weekday = moment.isoweekday() % 7 in self.weekdays.values
        # Cron's old rule: a day of the month and a day of the week that are both given mean either.
        return by_date and by_weekday if self.days.any or self.weekdays.any else by_date or by_weekday


def parse_schedule(text: str, zone: tzinfo) -> Schedule:
    """Reads `[SECOND] MINUTE HOUR DAY MONTH WEEKDAY` or `@hourly` and the like. Raises BadSchedule."""
    fields = _DESCRIPTORS.get(text.strip(), text).split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise BadSchedule(f"got {text!r}, wanted five fields (from minutes on), six (from seconds on) or @daily")
    try:
        return Schedule(
            _field(fields[0], 0, 59),
            _field(fields[1], 0, 59),
            _field(fields[2], 0, 23),
            _field(fields[3], 1, 31),
            _field(fields[4], 1, 12, _MONTHS),
            _field(fields[5], 0, 6, _DAYS),
            zone,
        )
    except BadSchedule as error:
        raise BadSchedule(f"schedule {text!r}: {error}") from None


def _field(text: str, low: int, high: int, names: Mapping[str, int] = {}) -> _Field:
    values: set[int] = set()
    for part in text.split(","):
        values |= _values(part, low, high, names)
    return _Field(frozenset(values), text in ("*", "?"))


def _values(part: str, low: int, high: int, names: Mapping[str, int]) -> set[int]:
    found = _ITEM.fullmatch(part)
    if found is None:
        raise BadSchedule(f"got {part!r}, wanted *, N, N-M, with /STEP if need be")
    step = int(found["step"] or 1)
    if found["first"] in ("*", "?"):
        first, last = low, high
    else:
        first = _number(found["first"], names)
        last = _number(found["last"], names) if found["last"] else (high if found["step"] else first)
    if not low <= first <= last <= high or step < 1:
        raise BadSchedule(f"got {part!r}, wanted numbers from {low} to {high} in order, and a step above 0")
    return set(range(first, last + 1, step))


def _number(text: str, names: Mapping[str, int]) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    if text.lower() in names:
        return names[text.lower()]
    raise BadSchedule(f"got {text!r}, wanted a number" + (f" or one of {', '.join(names)}" if names else ""))

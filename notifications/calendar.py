"""When a reminder is due: pure rules over days, hours, time zones and holidays."""

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import holidays

COUNTRIES = frozenset(holidays.list_supported_countries())
_DAY = timedelta(days=1)
_SATURDAY = 5

# No run of weekends and holidays is longer.
_LONGEST_HOLIDAY = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Reminders `days` before the due date, at `hour` o'clock in `zone`.

    With `business_days_only`, a reminder that falls on a weekend or on a holiday in any of the `countries` is sent on
    the preceding business day.
    """

    zone: zoneinfo.ZoneInfo
    hour: int = 11
    days: tuple[int, ...] = (5, 3, 1)
    business_days_only: bool = False
    countries: tuple[str, ...] = ()

    def local_day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def moment_of(self, day: date) -> datetime:
        """When the reminders of a day are sent."""
        return datetime.combine(day, time(self.hour), self.zone).astimezone(UTC)

    def run_days(self, after: datetime, until: datetime) -> list[date]:
        """The days whose moment is later than `after` and not later than `until`, oldest first."""
        first = self.local_day(after) - _DAY
        last = self.local_day(until) + _DAY
        return [day for day in _days(first, last) if after < self.moment_of(day) <= until]

    def slots(self, due_day: date) -> Iterator[tuple[date, int]]:
        """The days with a reminder of this due date, each with its number of days before the due date."""
        for offset in self.days:
            yield self.business_day_before(due_day - offset * _DAY), offset

    def slot(self, due_day: date, days: list[date]) -> tuple[date, int] | None:
        """The latest slot on one of these days, or None. If two are on the same day, the one closest to the due
        date."""
        slots = [(day, -offset) for day, offset in self.slots(due_day) if day in days]
        if not slots:
            return None
        day, negative_offset = max(slots)
        return day, -negative_offset

    def due_days(self, days: list[date]) -> list[date]:
        """The due dates that have a slot on one of these days."""
        if not days or not self.days:
            return []
        last = days[-1] + max(self.days) * _DAY
        if self.business_days_only:
            last += _LONGEST_HOLIDAY
        return [due_day for due_day in _days(days[0], last) if any(day in days for day, _ in self.slots(due_day))]

    def business_day_before(self, day: date) -> date:
        """The day itself, or the preceding business day if it is a weekend or holiday."""
        while self.business_days_only and _is_quiet(day, self.countries):
            day -= _DAY
        return day


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + number * _DAY


@lru_cache(maxsize=4096)
def _is_quiet(day: date, countries: tuple[str, ...]) -> bool:
    return day.weekday() >= _SATURDAY or any(day in _holidays(country, day.year) for country in countries)


@lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))

"""When a reminder is due: pure rules over days, hours, zones and holidays."""

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import holidays

COUNTRIES = frozenset(holidays.list_supported_countries())
_DAY = timedelta(days=1)
_SATURDAY = 5
_LONGEST_QUIET = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Calendar:
    """`days` before the due date, at `hour` o'clock in `zone`; on business days alone where that is asked for.

    A day that is a weekend, or a holiday in any of the countries, gives way to the business day before it.
    """

    zone: zoneinfo.ZoneInfo
    hour: int = 11
    days: tuple[int, ...] = (5, 3, 1)
    business_days_only: bool = False
    countries: tuple[str, ...] = ()

    def local_day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def moment_of(self, day: date) -> datetime:
        """When the job acts on a day."""
        return datetime.combine(day, time(self.hour), self.zone).astimezone(UTC)

    def run_days(self, after: datetime, until: datetime) -> list[date]:
        """The days whose moment lies after the one and not after the other, oldest first."""
        first, last = self.local_day(after) - _DAY, self.local_day(until) + _DAY
        days = (first + n * _DAY for n in range((last - first).days + 1))
        return [day for day in days if after < self.moment_of(day) <= until]

    def slots(self, due_day: date) -> Iterator[tuple[date, int]]:
        """The days on which somebody is reminded of a due date, with how many days before it they stand for."""
        for offset in self.days:
            yield self.quiet_before(due_day - offset * _DAY), offset

    def slot(self, due_day: date, days: list[date]) -> tuple[date, int] | None:
        """The latest slot among these days, the nearest to the due date where two fall on one day; or None."""
        among = [(day, -offset) for day, offset in self.slots(due_day) if day in days]
        return (max(among)[0], -max(among)[1]) if among else None

    def due_days(self, days: list[date]) -> list[date]:
        """The due dates that have a slot among these days."""
        if not days or not self.days:
            return []
        span = max(self.days) * _DAY + (_LONGEST_QUIET if self.business_days_only else timedelta())
        first = days[0]
        candidates = (first + n * _DAY for n in range((days[-1] + span - first).days + 1))
        return [day for day in candidates if any(slot in days for slot, _ in self.slots(day))]

    def quiet_before(self, day: date) -> date:
        """The day itself, or the business day before it."""
        while self.business_days_only and _is_quiet(day, self.countries):
            day -= _DAY
        return day


@lru_cache(maxsize=4096)
def _is_quiet(day: date, countries: tuple[str, ...]) -> bool:
    return day.weekday() >= _SATURDAY or any(day in _holidays(country, day.year) for country in countries)


@lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))

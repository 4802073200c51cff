"""When a reminder is due: every hour of a year in six zones, against a model that is a loop."""

import random
import zoneinfo
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from notifications.calendar import Calendar

ZONES = ["UTC", "Europe/Riga", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hour", [0, 2, 11, 23])
def test_each_day_of_a_year_has_one_moment(zone: str, hour: int) -> None:
    calendar = Calendar(zoneinfo.ZoneInfo(zone), hour=hour)
    acted: list[date] = []
    now, step = START, timedelta(minutes=25)
    while now < START + 366 * DAY:
        acted += calendar.run_days(now, now + step)
        now += step
    first, last = acted[0], acted[-1]
    assert acted == [first + n * DAY for n in range((last - first).days + 1)]
    assert len(acted) >= 365


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("quiet", [False, True])
def test_a_year_of_runs_and_outages_against_a_loop(zone: str, quiet: bool) -> None:
    calendar = Calendar(zoneinfo.ZoneInfo(zone), business_days_only=quiet)
    chance = random.Random(f"{zone}{quiet}")
    dues = [START + timedelta(hours=chance.randrange(24 * 366)) for _ in range(150)]
    runs = [START]
    while runs[-1] < START + 366 * DAY:
        runs.append(runs[-1] + chance.choice([timedelta(minutes=5), HOUR, 7 * HOUR, 30 * HOUR, 72 * HOUR]))

    sent = []
    for since, now in pairwise(runs):
        days = calendar.run_days(since, now)
        for number, due in enumerate(dues):
            if due > now and (slot := calendar.slot(calendar.local_day(due), days)):
                sent.append((now, number, slot[1]))

    expected = []
    for since, now in pairwise(runs):
        for number, due in enumerate(dues):
            day, slots = calendar.local_day(due), []
            for before in (5, 3, 1):
                on = day - before * DAY
                while quiet and on.weekday() > 4:
                    on -= DAY
                at = datetime(on.year, on.month, on.day, 11, tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)
                slots += [(at, -before)] if since < at <= now < due else []
            expected += [(now, number, -max(slots)[1])] if slots else []

    assert sent == expected
    assert len({(number, offset) for _, number, offset in sent}) == len(sent) > 200
    for since, now in pairwise(runs):
        wanted = calendar.due_days(calendar.run_days(since, now))
        reminded = {calendar.local_day(dues[number]) for at, number, _ in sent if at == now}
        assert reminded <= set(wanted)


def test_a_reminder_of_a_holiday_goes_out_on_the_business_day_before() -> None:
    calendar = Calendar(zoneinfo.ZoneInfo("UTC"), business_days_only=True, countries=("LV", "LT"))
    assert calendar.business_day_before(date(2026, 4, 6)) == date(2026, 4, 2)  # Easter Monday
    assert calendar.business_day_before(date(2026, 2, 16)) == date(2026, 2, 13)  # Lithuania's day, a Monday
    assert calendar.business_day_before(date(2026, 2, 17)) == date(2026, 2, 17)
    assert Calendar(zoneinfo.ZoneInfo("UTC")).business_day_before(date(2026, 4, 5)) == date(2026, 4, 5)


def test_of_two_slots_on_one_day_the_nearer_to_the_due_date_counts() -> None:
    calendar = Calendar(zoneinfo.ZoneInfo("UTC"), business_days_only=True)
    friday, monday = date(2026, 3, 6), date(2026, 3, 9)
    assert calendar.slot(monday, [friday]) == (friday, 1)

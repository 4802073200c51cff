"""`manage.py send_reminders`: runs the reminder job once, for cron or to catch up by hand."""

from argparse import ArgumentParser
from datetime import datetime

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from signing.reminders.job import remind_due


class Command(BaseCommand):
    help = "Queue the reminders and overdue notices that are due. Running it again is harmless."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--at", metavar="TIME", help="ISO 8601 time in the past at which the job should have run (default: now)"
        )

    def handle(self, *, at: str | None, **options: object) -> None:
        time = timezone.now()
        if at:
            time = _past_time(at)
        count = remind_due(at=time)
        noun = "reminder" if count == 1 else "reminders"
        self.stdout.write(f"Queued {count} {noun} as of {time:%Y-%m-%d %H:%M %Z}.")


def _past_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError("--at must be a time like 2026-03-05T11:00:00+02:00.") from None
    if time.tzinfo is None:
        time = timezone.make_aware(time)
    if time > timezone.now():
        raise CommandError("--at must be a time in the past.")
    return time

"""Runs the reminder job once: for cron, and to catch up by hand."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from signing.reminders.job import remind_due


class Command(BaseCommand):
    help = "Queue the reminders and overdue notices that are due; the senders send them. Running it again is harmless."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at", metavar="ISO-TIME", help="as of that time, which has passed (default: now)")

    def handle(self, *args: Any, **options: Any) -> None:
        at = _moment(options["at"]) if options["at"] else timezone.now()
        count = remind_due(at=at)
        self.stdout.write(f"Queued {count} {'reminder' if count == 1 else 'reminders'} as of {at:%Y-%m-%d %H:%M %Z}.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError("--at is a time like 2026-03-05T11:00:00+02:00.") from None
    moment = moment if moment.tzinfo else timezone.make_aware(moment)
    if moment > timezone.now():
        raise CommandError("--at is a time that has passed: what is not due yet is not sent.")
    return moment

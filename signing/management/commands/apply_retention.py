"""`manage.py apply_retention`: previews and deletes the processes whose retention has ended."""

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from signing.erasure import retention


class Command(BaseCommand):
    help = "Preview the finished processes whose retention period has ended; with --yes, delete them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="delete the processes (default: only count them)")

    def handle(self, *, yes: bool, **options: object) -> None:
        now = timezone.now()
        summary = retention.summarize(at=now)
        for due in summary:
            line = f"{due.profile} ({due.profile.document_type}, {due.profile.retention_days}-day retention): "
            line += f"{due.processes} due"
            if due.held:
                line += f", and {due.held} on hold"
            if due.starts_at:
                line += f"; deletion starts at {due.starts_at:%Y-%m-%d %H:%M} UTC, when {due.then} will be due"
            self.stdout.write(line)
        if not summary:
            self.stdout.write("No document profile has a retention period. All processes are kept.")
        elif yes:
            self.stdout.write(f"Processes deleted: {retention.apply(at=now)}.")

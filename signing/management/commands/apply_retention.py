"""`manage.py apply_retention`: what the document profiles' retention would remove, and its removal."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from signing.erasure.retention import apply, preview


class Command(BaseCommand):
    help = "Shows which finished processes are older than their document profile keeps them; with --yes removes them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="remove them; without it they are only counted")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        found = preview(at=now)
        for due in found:
            held = f", and {due.held} on hold" if due.held else ""
            kept = f"{due.profile.document_type}, days kept: {due.profile.retention_days}"
            self.stdout.write(f"{due.profile} ({kept}): {due.processes} due{held}")
        if not found:
            self.stdout.write("No document profile has a retention; everything is kept.")
        elif options["yes"]:
            self.stdout.write(f"Processes removed: {apply(at=now)}.")

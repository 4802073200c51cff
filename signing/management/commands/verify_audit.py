"""`manage.py verify_audit`: is the trail as it was written?"""

import sys
import time
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from audit.chain import keys
from audit.chain.verify import verify
from audit.models import AuditEvent
from config.api_values import is_id

WHOLE, TAMPERED, UNCHECKED = 0, 1, 2
SHOWN = 20
_BAR = 40


def moment(text: str) -> datetime:
    """A date or a date and time; without an offset in the service's zone."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else timezone.make_aware(parsed)


class Command(BaseCommand):
    help = (
        "Checks the audit trail: chains, values, checkpoints and the checkpoint file. Exit code 0: whole; 1: tampered "
        "with, the first bad event is named; 2: could not be checked, for example since a key is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--process", metavar="ID", help="the chain of this process alone; '' is the journal")
        parser.add_argument("--since", metavar="DATE", type=moment, help="chains written to since then (2026-02-17)")
        parser.add_argument("--no-progress", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        process_id = options["process"]
        if process_id is not None and is_id(process_id):
            process_id = process_id.lower()
        whole = options["process"] is None and options["since"] is None
        shows = not options["no_progress"] and sys.stderr.isatty()
        bar = _Progress(AuditEvent.objects.filter(seq__isnull=False).count() if shows and whole else 0, self.stderr)
        try:
            verdict = verify(
                at=timezone.now(),
                process_id=process_id,
                since=options["since"],
                progress=bar.show if shows else lambda done: None,
            )
        except Exception as exc:  # noqa: BLE001 (whatever broke off, nothing was found to be tampered with)
            self.stderr.write(f"COULD NOT CHECK: {type(exc).__name__}: {exc}")
            sys.exit(UNCHECKED)
        bar.end()
        looked_at = f"{verdict.events:,} events in chains, {verdict.waiting:,} that wait for their place"
        if whole:
            looked_at += f", {verdict.checkpoints:,} checkpoints"
        self.stdout.write(f"Looked at {looked_at}.")
        self.stdout.write(f"Public key: {keys.fingerprint(keys.public())}")
        for note in verdict.notes[:SHOWN]:
            self.stdout.write(f"Note: {note}.")
        if not verdict.whole:
            self.stderr.write(f"TAMPERED: {verdict.findings[0]}.")
            for finding in verdict.findings[1:SHOWN]:
                self.stderr.write(f"Also: {finding}.")
            if verdict.wrong > SHOWN:
                self.stderr.write(f"And {verdict.wrong - SHOWN} more.")
            sys.exit(TAMPERED)
        if verdict.unchecked:
            self.stderr.write(f"COULD NOT CHECK: {'; '.join(verdict.unchecked)}.")
            sys.exit(UNCHECKED)
        if not whole and not verdict.events + verdict.waiting:
            self.stderr.write("COULD NOT CHECK: there is no such event.")
            sys.exit(UNCHECKED)
        self.stdout.write(self.style.SUCCESS("The trail is whole."))


class _Progress:
    def __init__(self, total: int, out: Any) -> None:
        self._total, self._out, self._began, self._shown = total, out, time.monotonic(), False

    def show(self, done: int) -> None:
        rate = done / max(time.monotonic() - self._began, 0.001)
        share = min(done / self._total, 1) if self._total else 0
        bar = f"[{'#' * int(_BAR * share):<{_BAR}}] {share:4.0%} " if self._total else ""
        self._out.write(f"\r{bar}{done:,} events, {rate:,.0f}/s", ending="")
        self._shown = True

    def end(self) -> None:
        if self._shown:
            self._out.write("")

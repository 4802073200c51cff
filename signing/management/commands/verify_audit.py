"""`manage.py verify_audit`: is the audit trail intact, and do the processes agree with it?"""

import sys
import time
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, OutputWrapper
from django.utils import timezone

from audit.chain import keys
from audit.chain.verdict import Verdict
from audit.models import AuditEvent
from config.api_values import is_id
from signing.evidence.verdict import verdict
from signing.models import Process

_TAMPERED = 1
_UNVERIFIED = 2
_FINDINGS_SHOWN = 20
_BAR_WIDTH = 40


def parse_time(text: str) -> datetime:
    """A date, or a date and a time. Without an offset, it is in the service's time zone."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo:
        return parsed
    return timezone.make_aware(parsed)


class Command(BaseCommand):
    help = (
        "Verifies the audit trail (chains, values, checkpoints and the checkpoint file), and that the processes agree "
        "with it. Exit code 0: intact; 1: tampering or a contradiction was found, and the first affected event or "
        "process is named; 2: could not verify, for example because a key is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--process", metavar="ID", help="only this process; '' is the chain without a process")
        parser.add_argument(
            "--since", metavar="DATE", type=parse_time, help="only processes with events since 2026-02-17"
        )
        parser.add_argument("--no-progress", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        process_id = options["process"]
        if process_id is not None and is_id(process_id):
            process_id = process_id.lower()
        everything = process_id is None and options["since"] is None
        progress = _Progress(self.stderr, enabled=not options["no_progress"] and sys.stderr.isatty())
        if everything:
            progress.total = AuditEvent.objects.filter(seq__isnull=False).count() + Process.objects.count()
        try:
            result = verdict(at=timezone.now(), process_id=process_id, since=options["since"], progress=progress.update)
        except Exception as exc:  # noqa: BLE001 (a verification that failed has found no tampering)
            self.stderr.write(f"COULD NOT VERIFY: {type(exc).__name__}: {exc}")
            sys.exit(_UNVERIFIED)
        progress.end()
        self._summarize(result, everything)
        self._report_problems(result, everything)
        self.stdout.write(self.style.SUCCESS("The audit trail is intact."))

    def _summarize(self, result: Verdict, everything: bool) -> None:
        checked = f"{result.events:,} events in chains, {result.waiting:,} that are not in a chain yet"
        if everything:
            checked += f", {result.checkpoints:,} checkpoints"
        self.stdout.write(f"Verified {checked}.")
        self.stdout.write(f"Public key: {keys.fingerprint(keys.public())}")
        for note in result.notes[:_FINDINGS_SHOWN]:
            self.stdout.write(f"Note: {note}.")

    def _report_problems(self, result: Verdict, everything: bool) -> None:
        """Exit with the code for the worst problem, if there is one."""
        if result.findings:
            self.stderr.write(f"TAMPERED: {result.findings[0]}.")
            for finding in result.findings[1:_FINDINGS_SHOWN]:
                self.stderr.write(f"Also: {finding}.")
            if result.wrong > _FINDINGS_SHOWN:
                self.stderr.write(f"And {result.wrong - _FINDINGS_SHOWN} more.")
            sys.exit(_TAMPERED)
        unverified = "; ".join(result.unchecked)
        if not everything and result.events + result.waiting == 0:
            unverified = unverified or "there are no such events"
        if unverified:
            self.stderr.write(f"COULD NOT VERIFY: {unverified}.")
            sys.exit(_UNVERIFIED)


class _Progress:
    """A progress bar, or only a counter if the total is not known."""

    def __init__(self, out: OutputWrapper, *, enabled: bool) -> None:
        self.total = 0
        self._out = out
        self._enabled = enabled
        self._started = time.monotonic()

    def update(self, checked: int) -> None:
        if not self._enabled:
            return
        bar = ""
        if self.total:
            share = min(checked / self.total, 1)
            bar = f"[{'#' * int(_BAR_WIDTH * share):<{_BAR_WIDTH}}] {share:4.0%} "
        rate = checked / max(time.monotonic() - self._started, 0.001)
        self._out.write(f"\r{bar}{checked:,} events and processes, {rate:,.0f}/s", ending="")

    def end(self) -> None:
        if self._enabled:
            self._out.write("")

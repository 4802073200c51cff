"""`manage.py verify_audit`: is the audit trail intact, and do the processes agree with it?"""

import sys
from datetime import datetime

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from audit.chain import keys
from audit.chain.verdict import Verdict
from config.api_values import is_id
from signing.evidence.verdict import verdict

_TAMPERED = 1
_UNVERIFIED = 2
_FINDINGS_SHOWN = 20


def parse_time(text: str) -> datetime:
    """A date, or a date and a time. Without an offset, it is in the service's time zone."""
    # Django makes the time zone of the settings the local time zone of the process.
    return datetime.fromisoformat(text).astimezone()


class Command(BaseCommand):
    help = (
        "Verify the audit trail, and that the processes agree with it. Exit code 0: intact; 1: tampering or a "
        "contradiction was found (the first one is named); 2: could not verify, for example because a key is missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--process", metavar="ID", help="only this process; '' is the chain without a process")
        parser.add_argument("--since", metavar="DATE", type=parse_time, help="only processes with events since DATE")

    def handle(self, *, process: str | None, since: datetime | None, **options: object) -> None:
        process_id = process
        if process and is_id(process):
            process_id = process.lower()
        everything = process is None and since is None
        try:
            result = verdict(at=timezone.now(), process_id=process_id, since=since, progress=self._show_progress)
        except Exception as exc:  # noqa: BLE001 (a verification that failed has found no tampering)
            self.stderr.write(f"COULD NOT VERIFY: {type(exc).__name__}: {exc}")
            sys.exit(_UNVERIFIED)
        self._summarize(result)
        self._report_problems(result, everything)
        self.stdout.write(self.style.SUCCESS("The audit trail is intact."))

    def _show_progress(self, checked: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"Events and processes checked: {checked:,}.")

    def _summarize(self, result: Verdict) -> None:
        counts = f"{result.events:,}; pending events: {result.waiting:,}; checkpoints: {result.checkpoints:,}"
        self.stdout.write(f"Verified events: {counts}.")
        self.stdout.write(f"Public key fingerprint: {keys.fingerprint(keys.public())}")
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

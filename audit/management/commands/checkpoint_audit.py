"""`manage.py checkpoint_audit` makes a checkpoint now."""

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from audit.chain import checkpoints, keys


class Command(BaseCommand):
    help = "Make a checkpoint of the audit trail now and append it to AUDIT_CHECKPOINT_FILE."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--new-file", action="store_true", help="start a new AUDIT_CHECKPOINT_FILE with all checkpoints"
        )

    def handle(self, *args: object, new_file: bool, **options: object) -> None:
        checkpoint = checkpoints.make(at=timezone.now())
        if new_file:
            checkpoints.write_file(new_file=True)
        if checkpoint is None:
            self.stdout.write("No events have been recorded since the last checkpoint.")
        else:
            noun = "chain" if checkpoint.size == 1 else "chains"
            self.stdout.write(f"Checkpoint {checkpoint.number} covers {checkpoint.size} {noun}.")
        self.stdout.write(f"Public key fingerprint: {keys.fingerprint(keys.public())}")

"""`manage.py checkpoint_audit` makes a checkpoint now."""

from django.core.management.base import BaseCommand
from django.utils import timezone

from audit.chain import checkpoints, keys


class Command(BaseCommand):
    help = "Make a checkpoint of the audit trail now and append it to AUDIT_CHECKPOINT_FILE."

    def handle(self, *args: object, **options: object) -> None:
        checkpoint = checkpoints.make(at=timezone.now())
        if checkpoint is None:
            self.stdout.write("No events have been recorded since the last checkpoint.")
        else:
            self.stdout.write(f"Checkpoint {checkpoint.number} covers {checkpoint.size} chains.")
        self.stdout.write(f"Public key: {keys.fingerprint(keys.public())}")

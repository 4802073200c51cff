"""`manage.py checkpoint_audit`: a checkpoint now."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from audit.chain import checkpoints, keys


class Command(BaseCommand):
    help = "Gives waiting events their place, signs the chains' heads, and appends that to AUDIT_CHECKPOINT_FILE."

    def handle(self, *args: Any, **options: Any) -> None:
        made = checkpoints.make(at=timezone.now())
        if made is None:
            self.stdout.write("Nothing was written since the last checkpoint.")
        else:
            self.stdout.write(f"Checkpoint {made.number} over {made.size} chains, in {settings.AUDIT_CHECKPOINT_FILE}.")
        self.stdout.write(f"Public key: {keys.fingerprint(keys.public())}")

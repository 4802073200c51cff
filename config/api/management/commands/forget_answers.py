"""For cron, where no worker runs."""

from typing import Any

from django.core.management.base import BaseCommand

from config.api.tasks import forget_answers


class Command(BaseCommand):
    help = "Delete remembered answers to Idempotency-Keys that are older than 24 hours."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Deleted {forget_answers()}.")

"""For cron, in deployments without a worker."""

from django.core.management.base import BaseCommand

from config.api.tasks import forget_answers


class Command(BaseCommand):
    help = "Delete stored responses to requests with an Idempotency-Key that are older than 24 hours."

    def handle(self, *args: object, **options: object) -> None:
        self.stdout.write(f"Deleted {forget_answers()} responses.")

"""For cron, in deployments without a worker."""

from django.core.management.base import BaseCommand

from config.api.tasks import delete_expired_responses


class Command(BaseCommand):
    help = "Delete stored responses to requests with an Idempotency-Key that are older than 24 hours."

    def handle(self, *args: object, **options: object) -> None:
        deleted = delete_expired_responses()
        noun = "response" if deleted == 1 else "responses"
        self.stdout.write(f"Deleted {deleted} {noun}.")

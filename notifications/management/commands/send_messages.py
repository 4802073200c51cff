"""Sends messages without a worker: for cron, and for trying things out."""

from django.core.management.base import BaseCommand

from notifications.delivery.send import send_due


class Command(BaseCommand):
    help = "Send every due message once."

    def handle(self, *args: object, **options: object) -> None:
        sent = send_due()
        noun = "message" if sent == 1 else "messages"
        self.stdout.write(f"Sent {sent} {noun}.")

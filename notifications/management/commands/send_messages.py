"""For cron, and for people who try things: no worker needed."""

from typing import Any

from django.core.management.base import BaseCommand

from notifications.delivery.send import send_due


class Command(BaseCommand):
    help = "Send every message that is due, once, and end."

    def handle(self, *args: Any, **options: Any) -> None:
        sent = send_due()
        self.stdout.write(f"Sent {sent} message{'' if sent == 1 else 's'}.")

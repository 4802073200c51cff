"""The doorbell and the sweep: both ask the same of the table."""

from celery import shared_task

from notifications.delivery.send import send_due
from notifications.outbox import DELIVER_TASK


@shared_task(name=DELIVER_TASK)
def deliver() -> int:
    return send_due()

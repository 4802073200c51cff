"""The Celery task that sends due messages: called on commit of new ones, and periodically for any that were missed."""

from celery import shared_task

from notifications.delivery.send import send_due
from notifications.outbox import DELIVER_TASK


@shared_task(name=DELIVER_TASK)
def deliver() -> int:
    return send_due()

"""Scheduled jobs of signing. Celery beat calls them often; their settings determine whether there is work to do."""

from celery import shared_task
from django.utils import timezone

from signing.erasure import retention
from signing.evidence.alert import verify_and_alert
from signing.reminders.job import remind_due


@shared_task(name="signing.remind")
def send_due_reminders() -> int:
    return remind_due(at=timezone.now())


@shared_task(name="signing.verify_audit")
def verify_audit_trail() -> bool:
    return verify_and_alert(at=timezone.now()).whole


@shared_task(name="signing.retain")
def apply_retention() -> int:
    return retention.apply(at=timezone.now())

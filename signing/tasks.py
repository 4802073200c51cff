"""Jobs that need several apps. When they act stands in their settings rows; beat only calls them."""

from celery import shared_task
from django.utils import timezone

from signing.erasure import retention
from signing.evidence.watch import watch
from signing.reminders.job import remind_due


@shared_task(name="signing.remind")
def remind() -> int:
    return remind_due(at=timezone.now())


@shared_task(name="signing.verify_audit")
def verify_audit() -> bool:
    return watch(at=timezone.now()).whole


@shared_task(name="signing.retain")
def retain() -> int:
    return retention.apply(at=timezone.now())

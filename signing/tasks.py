"""Jobs that need several apps. When they act stands in their settings rows; beat only calls them."""

from celery import shared_task
from django.utils import timezone

from signing.reminders.job import remind_due


@shared_task(name="signing.remind")
def remind() -> int:
    return remind_due(at=timezone.now())

"""Jobs of the audit trail. Their schedule is in `config.celery`."""

from celery import shared_task
from django.utils import timezone

from audit.chain import append, checkpoints


@shared_task(name="audit.append_pending")
def append_pending_events() -> int:
    return append.append_pending()


@shared_task(name="audit.checkpoint")
def make_checkpoint() -> None:
    checkpoints.make(at=timezone.now())

"""Jobs of the trail, called by beat in short intervals."""

from celery import shared_task
from django.utils import timezone

from audit.chain import append, checkpoints


@shared_task(name="audit.give_places")
def give_places() -> int:
    return append.give_places()


@shared_task(name="audit.checkpoint")
def checkpoint() -> int | None:
    made = checkpoints.make(at=timezone.now())
    return made.number if made else None

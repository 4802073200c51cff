from celery import shared_task
from django.utils import timezone

from config.api.idempotency import KEPT, forget


@shared_task(name="api.forget_answers")
def forget_answers() -> int:
    return forget(timezone.now() - KEPT)

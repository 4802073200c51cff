from celery import shared_task
from django.utils import timezone

from config.api.idempotency import KEY_LIFETIME, delete_stored_responses


@shared_task(name="api.delete_expired_responses")
def delete_expired_responses() -> int:
    return delete_stored_responses(before=timezone.now() - KEY_LIFETIME)

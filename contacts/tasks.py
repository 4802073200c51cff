from celery import shared_task
from django.utils import timezone

from contacts.uploads import KEPT, forget


@shared_task(name="contacts.forget_uploads")
def forget_uploads() -> int:
    return forget(timezone.now() - KEPT)

from celery import shared_task
from django.utils import timezone

from contacts.uploads import delete_expired_uploads


@shared_task(name="contacts.delete_expired_uploads")
def delete_uploads() -> int:
    return delete_expired_uploads(timezone.now())

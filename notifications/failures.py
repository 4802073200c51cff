"""Notifies administrators of failures: at most one email per cause, hour and address."""

import hashlib
import uuid
from datetime import datetime

from django.db.models import QuerySet

from config.access.models import User
from config.addresses import address_key
from config.api_values import JsonObject
from config.vocabulary import EventType, Right, Role
from notifications.drafts import Draft
from notifications.hooks import process_hooks
from notifications.models import Message
from notifications.outbox import enqueue


def notify_of_failed_message(message: Message, *, at: datetime) -> None:
    """Notify the administrators that a message has failed, unless it was to notify them itself."""
    if message.event != EventType.FAILURE:
        failure = {"event": message.event, "role": message.role}
        notify_administrators("mail_refused", failure, process_id=message.process_id, at=at)


def notify_administrators(
    cause: str, failure: JsonObject, *, at: datetime, process_id: uuid.UUID | None = None
) -> None:
    """Queue FAILURE messages to all administrators and to those of the process. `failure` is for their text."""
    drafts = []
    for address in sorted({*_administrators(), *process_hooks().watchers(process_id)}):
        # The hour in the key limits the messages; addresses are not to be readable in keys.
        digest = hashlib.sha256(address_key(address).encode()).hexdigest()[:16]
        key = f"failure:{cause}:{at:%Y%m%d%H}:{digest}"
        context = {"failure": failure}
        drafts.append(
            Draft(key, EventType.FAILURE, Role.ADMINISTRATOR, address, process_id=process_id, context=context)
        )
    enqueue(drafts, at=at)


def _administrators() -> QuerySet[User, str]:
    """The addresses of staff with the right to administer."""
    users = User.objects.with_perm(f"access.{Right.ADMINISTER}", backend="django.contrib.auth.backends.ModelBackend")
    return users.filter(is_staff=True).exclude(email="").values_list("email", flat=True)

"""Notifies administrators of failures: at most one email per cause, hour and address."""

import hashlib
import uuid
from datetime import datetime

from django.db.models import Q

from config.access.models import User
from config.api_values import JsonObject
from config.vocabulary import EventType, Right, Role
from notifications.drafts import Draft
from notifications.hooks import process_hooks
from notifications.models import Message
from notifications.outbox import enqueue


def notify_of_failed_message(message: Message, *, at: datetime) -> None:
    """Notify the administrators that a message was given up, unless it was to notify them itself."""
    if message.event != EventType.FAILURE:
        failure = {"event": message.event, "role": message.role}
        notify_administrators("mail_refused", failure, process_id=message.process_id, at=at)


def notify_administrators(
    cause: str, failure: JsonObject, *, at: datetime, process_id: uuid.UUID | None = None
) -> None:
    """Queue FAILURE messages to the administrators and to those of the process. `failure` is for their text."""
    addresses = {*_administrators(), *process_hooks().watchers(process_id)}
    drafts = [
        Draft(
            key=f"failure:{cause}:{at:%Y%m%d%H}:{hashlib.sha256(address.casefold().encode()).hexdigest()[:16]}",
            event=EventType.FAILURE,
            role=Role.ADMINISTRATOR,
            address=address,
            process_id=process_id,
            context={"failure": failure},
        )
        for address in sorted(addresses)
    ]
    enqueue(drafts, at=at)


def _administrators() -> list[str]:
    """The addresses of staff with the right to administer, be it their own or through a group."""
    own = Q(user_permissions__codename=Right.ADMINISTER, user_permissions__content_type__app_label="access")
    by_group = Q(groups__permissions__codename=Right.ADMINISTER, groups__permissions__content_type__app_label="access")
    staff = User.objects.filter(Q(is_superuser=True) | own | by_group, is_staff=True, is_active=True)
    return list(staff.exclude(email="").values_list("email", flat=True).distinct())

"""Tells administrators what went wrong: one mail per cause, hour and person."""

import hashlib
import uuid
from datetime import datetime

from django.db.models import Q

from config.access.models import User
from config.vocabulary import EventType, Right, Role
from notifications.drafts import Draft
from notifications.hooks import process_hooks
from notifications.models import Message
from notifications.outbox import enqueue


def tell_of(message: Message, *, at: datetime) -> None:
    """Queue FAILURE mails about a message, unless it is one itself: a failing administrator mails nobody."""
    if message.event != EventType.FAILURE:
        failure = {"event": message.event, "role": message.role}
        tell("mail_refused", failure, process_id=message.process_id, at=at)


def tell(cause: str, failure: dict[str, str], *, at: datetime, process_id: uuid.UUID | None = None) -> None:
    """Queue FAILURE mails; `failure` is what the text may say of it."""
    addresses = {*_staff(), *process_hooks().watchers(process_id)}
    enqueue(
        (
            Draft(
                key=f"failure:{cause}:{at:%Y%m%d%H}:{hashlib.sha256(address.casefold().encode()).hexdigest()[:16]}",
                event=EventType.FAILURE,
                role=Role.ADMINISTRATOR,
                address=address,
                process_id=process_id,
                context={"failure": failure},
            )
            for address in sorted(addresses)
        ),
        at=at,
    )


def _staff() -> list[str]:
    right = {"codename": Right.ADMINISTER, "content_type__app_label": "access"}
    granted = Q(is_superuser=True)
    for path in ("user_permissions", "groups__permissions"):
        granted |= Q(**{f"{path}__{field}": value for field, value in right.items()})
    staff = User.objects.filter(granted, is_staff=True, is_active=True).exclude(email="")
    return list(staff.values_list("email", flat=True).distinct())

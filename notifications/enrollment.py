"""The email to a user whose second factor was set up."""

from datetime import datetime

from config.access.models import User
from config.vocabulary import EventType, Role
from notifications.drafts import Draft
from notifications.outbox import enqueue


def notify_of_second_factor(user: User, *, at: datetime) -> None:
    """Queue the email, unless the user has no email address."""
    if not user.email:
        return
    key = f"second-factor:{user.pk}:{at.isoformat()}"
    draft = Draft(key, EventType.AUTH_COMPLETED, Role.ADMINISTRATOR, user.email, name=user.get_full_name())
    enqueue([draft], at=at)

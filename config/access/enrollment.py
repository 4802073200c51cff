"""Announces that a user has a new second factor.

`config` is below `notifications` and cannot import it. `notifications` registers its email in
`NotificationsConfig.ready()`.
"""

from datetime import datetime
from typing import Protocol

from config.access.models import User


class Announcement(Protocol):
    """Notifies the user of a second factor that was set up at that time."""

    def __call__(self, user: User, *, at: datetime) -> None: ...


_announcements: list[Announcement] = []


def register_announcement(announcement: Announcement) -> None:
    """Call this for every new second factor, in the transaction that stores it."""
    _announcements.append(announcement)


def announce_second_factor(user: User, *, at: datetime) -> None:
    """Notify the user of a new second factor, which an attacker who knows the password may have set up."""
    for announcement in _announcements:
        announcement(user, at=at)

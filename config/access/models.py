"""Who may call: users (people of the back office and machine clients alike), and their API tokens.

A machine client is a user without a usable password. A Django group's name is the group code of
the wire (`ownerGroup`, `group`). Rights are the permissions of `User.Meta`.
"""

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractUser
from django.db import models
from knox.models import AbstractAuthToken

from config.text import person_key
from config.vocabulary import Right

LAST_USE_PRECISION = timedelta(minutes=1)


class User(AbstractUser):
    """A caller. `country` and `personal_code` say which person it is in signing processes, if any."""

    country = models.CharField(max_length=2, blank=True, help_text="Country of the personal code, for example LV.")
    personal_code = models.CharField(
        max_length=64, blank=True, help_text="With the country it names this person among the signers of processes."
    )

    class Meta(AbstractUser.Meta):
        permissions = tuple(Right.choices)

    @property
    def person(self) -> str:
        """The person's key as signers are found by it; empty if this user is nobody in particular."""
        return person_key(self.country, self.personal_code)


class ApiToken(AbstractAuthToken):
    """A hashed token of a client. Several may be valid at once, so that they can be rotated."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=255, help_text="What this token is used for.")
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API token"
        ordering = ["user", "created"]

    def __str__(self) -> str:
        return f"{self.user}: {self.name}"

    def expired(self, at: datetime) -> bool:
        return self.expiry is not None and self.expiry <= at

    def note_use(self, at: datetime) -> None:
        """Remember the last use, to the minute, so that a busy token costs one write a minute."""
        if self.last_used_at is None or at - self.last_used_at >= LAST_USE_PRECISION:
            ApiToken.objects.filter(pk=self.pk).update(last_used_at=at)

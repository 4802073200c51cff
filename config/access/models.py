"""The users that may call (staff and API clients alike) and their API tokens.

An API client is a user without a usable password. The name of a Django group is the group code of
the API (`ownerGroup`, `group`). Rights are the permissions in `User.Meta`.
"""

from datetime import timedelta

from django.contrib.auth.models import AbstractUser
from django.db import models
from knox.models import AbstractAuthToken

from config.personal_codes import person_key
from config.vocabulary import Right

LAST_USE_PRECISION = timedelta(minutes=1)


class User(AbstractUser):
    """A staff member or API client. With a country and personal code, the user is that person in signing processes."""

    country = models.CharField(max_length=2, blank=True, help_text="Country of the personal code, for example LV.")
    personal_code = models.CharField(max_length=64, blank=True, help_text="Identifies this user among signers.")

    class Meta(AbstractUser.Meta):
        permissions = tuple(Right.choices)

    @property
    def person(self) -> str:
        """The key by which this user's signer rows are found; empty if country or personal code is not set."""
        return person_key(self.country, self.personal_code)

    def create_token(self, name: str, *, days: int | None) -> str:
        """A new token, which expires after this many days or never; the database stores only its hash."""
        lifetime = None
        if days:
            lifetime = timedelta(days=days)
        return ApiToken.objects.create(self, expiry=lifetime, name=name)[1]


class ApiToken(AbstractAuthToken):
    """A hashed token of a client. A client may have several valid tokens, so that they can be rotated."""

    # Not the primary key, as it is in knox, because the primary key is in URLs and forms.
    digest = models.CharField(max_length=128, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=255, help_text="What this token is used for.")
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API token"
        ordering = ["user", "created"]

    def __str__(self) -> str:
        return f"{self.user}: {self.name}"

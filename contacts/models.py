"""People we know: contacts, and what must hold of one.

Columns ending in `_plain` or `_key` are what searches compare; `folded` makes them.
"""

import re
import uuid
from typing import Any

import phonenumbers
from django.db import models
from django.db.models import Q

from config.access.actor import Actor
from config.api_values import Body
from config.errors import Fault, Invalid
from config.personal_codes import personal_code_faults
from config.text import code_key, plain
from config.versioned.models import OwnedModel
from config.versioned.ownership import owned
from config.vocabulary import Role
from contacts.serializers import ContactSerializer

_WRITTEN_PHONE = re.compile(r"[0-9+()/. \u00a0-]+")


class Contact(OwnedModel):
    """Somebody who is often asked to sign, as the reference's `Contact`. `phone` is E.164."""

    serializer_class = ContactSerializer
    DEFAULTS = {"default_anonymous": False, "scope": "PERSONAL"}

    name = models.CharField(max_length=255, null=True, blank=True)
    country = models.CharField(max_length=2, null=True, blank=True, help_text="Country of the personal code: LV, LT.")
    personal_code = models.CharField(max_length=64, null=True, blank=True)
    phone = models.CharField(
        max_length=32, null=True, blank=True, help_text="With the country's prefix (+371 29123456), or of that country."
    )
    email = models.EmailField(max_length=254, null=True, blank=True)
    role = models.CharField(
        max_length=13, choices=Role.choices, null=True, blank=True, help_text="What this person does in a process."
    )
    default_anonymous = models.BooleanField(default=False, help_text="Asked to sign without a personal code.")
    language = models.CharField(max_length=35, null=True, blank=True, help_text="Of its mails: lv, lt, et, pl, en.")
    name_plain = models.TextField(default="", editable=False)
    email_plain = models.TextField(default="", editable=False)
    code_key = models.CharField(max_length=192, default="", editable=False)

    class Meta:
        ordering = ["name_plain", "id"]
        indexes = [
            models.Index("name_plain", "id", name="contact_by_name"),
            models.Index("email_plain", "id", name="contact_by_email"),
            models.Index("created_at", "id", name="contact_by_creation"),
            models.Index("owner", "name_plain", "id", name="contact_of_owner", condition=Q(scope="PERSONAL")),
            models.Index("group", "name_plain", "id", name="contact_of_group", condition=Q(scope="GROUP")),
            models.Index("name_plain", "id", name="contact_of_everybody", condition=Q(scope="GLOBAL")),
            models.Index("code_key", "id", name="contact_by_code", condition=~Q(code_key="")),
        ]

    def __str__(self) -> str:
        return self.name or "Contact without a name"

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: Any = None) -> Body:
        body, faults = _with_readable_phone(body, before)
        changed, unowned = owned(cls.changed_columns(body, before), actor=actor, before=before)
        after = {column: changed.get(column, getattr(before, column, None)) for column in cls.api_fields().values()}
        faults += unowned
        if not (after["name"] or after["email"]):
            faults.append(Fault("A contact has a name or an address.", code="required", pointer="#/name"))
        if not changed.keys().isdisjoint(("country", "personal_code")):
            faults += personal_code_faults(after["country"], after["personal_code"], "#/personalCode")
        if faults:
            raise Invalid(faults=faults)
        return changed

    def search_columns(self) -> Body:
        return {
            "name_plain": plain(self.name),
            "email_plain": plain(self.email),
            "code_key": code_key(self.personal_code),
        }


class Upload(models.Model):
    """A sheet between its preview and its import (`contacts.uploads`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    content = models.BinaryField()
    seen = models.JSONField(default=dict, help_text="The versions of the contacts that its preview was about.")
    made_by = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"


def _with_readable_phone(body: Body, before: Contact | None) -> tuple[Body, list[Fault]]:
    """The body with its phone number as E.164, read as one of the contact's country where it has no prefix."""
    said = body.get("phone")
    if not said or said == getattr(before, "phone", None):
        return ({**body, "phone": None} if "phone" in body and not said else body), []
    country = body.get("country", getattr(before, "country", None))
    number = _number(said, country)
    if number is None:
        detail = "This is no phone number; write it with the country's prefix, like +371 29123456."
        return body, [Fault(detail, code="not_a_phone_number", pointer="#/phone")]
    return {**body, "phone": phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)}, []


def _number(said: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    """The number, if it is a whole one: with its area, without an extension, and without words."""
    if not _WRITTEN_PHONE.fullmatch(said):
        return None
    try:
        number = phonenumbers.parse(said, country.upper() if country else None)
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    return number if reason == phonenumbers.ValidationResult.IS_POSSIBLE else None

"""Contacts, and the uploaded sheets that wait for their import.

Columns ending in `_plain` or `_key` are what searches and comparisons use; `search_columns()` derives them.
"""

import re
import uuid

import phonenumbers
from django.db import models
from django.db.models import Q
from django.forms.models import model_to_dict

from config.access.actor import Actor
from config.addresses import NOT_DELIVERABLE, address_key, is_deliverable
from config.api_values import Body
from config.errors import Fault, Invalid
from config.personal_codes import code_key, personal_code_faults
from config.text import plain
from config.versioned.models import OwnedModel
from config.versioned.ownership import validate_ownership
from config.vocabulary import Role
from contacts.serializers import ContactSerializer

# `phonenumbers` also accepts letters and text around a number.
_PHONE_CHARACTERS = re.compile(r"[0-9+()/. \u00a0-]+")


class Contact(OwnedModel):
    """A person or office that often takes part in processes (`Contact` in the reference). `phone` is in E.164."""

    serializer_class = ContactSerializer
    DEFAULTS = {"default_anonymous": False, "scope": "PERSONAL"}

    name = models.CharField(max_length=255, null=True, blank=True)
    country = models.CharField(max_length=2, null=True, blank=True, help_text="Country of the personal code, e.g. LV.")
    personal_code = models.CharField(max_length=64, null=True, blank=True)
    phone = models.CharField(
        max_length=32,
        null=True,
        blank=True,
        help_text="An international number (+371 29123456), or a national number in the country above.",
    )
    email = models.EmailField(max_length=254, null=True, blank=True)
    role = models.CharField(
        max_length=13, choices=Role.choices, null=True, blank=True, help_text="The contact's usual role in a process."
    )
    default_anonymous = models.BooleanField("anonymous by default", default=False)
    language = models.CharField(max_length=35, null=True, blank=True, help_text="Email language: lv, lt, et, pl, en.")
    name_plain = models.TextField(default="", editable=False)
    email_plain = models.TextField(default="", editable=False)
    email_key = models.TextField(default="", editable=False)
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
        return self.name or "Unnamed contact"

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: "Contact | None" = None) -> Body:
        body, faults = _normalize_phone(body, before)
        changed, ownership_faults = validate_ownership(cls.changed_columns(body, before), actor=actor, before=before)
        faults += ownership_faults

        # These rules combine columns, so they need those that the change leaves out as well.
        after = model_to_dict(before or cls()) | changed
        if not (after["name"] or after["email"]):
            detail = "A contact must have a name or an email address."
            faults.append(Fault(detail, code="required", pointer="#/name"))
        if changed.get("email") and not is_deliverable(changed["email"]):
            faults.append(Fault(NOT_DELIVERABLE, code="invalid", pointer="#/email"))
        if "country" in changed or "personal_code" in changed:
            faults += personal_code_faults(after["country"], after["personal_code"], "#/personalCode")

        if faults:
            raise Invalid(faults=faults)
        return changed

    def search_columns(self) -> Body:
        return {
            "name_plain": plain(self.name),
            "email_plain": plain(self.email),
            "email_key": address_key(self.email),
            "code_key": code_key(self.country, self.personal_code),
        }


class Upload(models.Model):
    """A sheet between its preview and its import; `contacts.uploads` reads and deletes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    content = models.BinaryField()
    previewed_versions = models.JSONField(default=dict, help_text="The versions of the previewed contacts, by id.")
    created_by = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"


def _normalize_phone(body: Body, before: Contact | None) -> tuple[Body, list[Fault]]:
    """The body with its phone number in E.164. A number without a country code belongs to the contact's country."""
    if "phone" not in body or (before is not None and body["phone"] == before.phone):
        return body, []
    phone = body["phone"]
    if not phone:
        return {**body, "phone": None}, []
    country = body.get("country", before and before.country)
    number = _parse_phone(phone, country)
    if number is None:
        detail = "The phone number must be a valid phone number with a country code, for example +371 29123456."
        return body, [Fault(detail, code="not_a_phone_number", pointer="#/phone")]
    return {**body, "phone": phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)}, []


def _parse_phone(text: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    """The number if it is complete, with its area code, and has neither an extension nor letters."""
    if not _PHONE_CHARACTERS.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text, (country or "").upper() or None)
    except phonenumbers.NumberParseException:
        return None
    # `is_possible_number` would also accept a number that is only valid within its area.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return number

"""What goes out: messages (the table is the queue), the texts that operators shape, addresses that were refused, and
when reminders go out."""

import zoneinfo
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from config.access.actor import Actor, MissingRight
from config.api_values import Body
from config.errors import Invalid
from config.versioned.models import VersionedModel
from config.vocabulary import EventType, Right, Role
from notifications.calendar import COUNTRIES, Calendar
from notifications.texts.check import faults_of
from notifications.texts.shipped import shipped


class MessageStatus(models.TextChoices):
    QUEUED = "QUEUED", "waits to be sent"
    SENDING = "SENDING", "a sender holds it"
    SENT = "SENT", "the mail server took it"
    FAILED = "FAILED", "given up"
    WITHDRAWN = "WITHDRAWN", "no longer due"
    SUPPRESSED = "SUPPRESSED", "not to be sent"
    MERGED = "MERGED", "goes out in one mail with others"


STUCK_AFTER = timedelta(minutes=15)
RESENDABLE = (MessageStatus.SENT, MessageStatus.FAILED)
NOT_YET = (MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.MERGED)
"""The states of a message that may still go out."""


class MessageQuerySet(models.QuerySet["Message"]):
    def of_process(self, process_id: object) -> "MessageQuerySet":
        return self.filter(process_id=process_id)

    def queued(self) -> "MessageQuerySet":
        return self.filter(status=MessageStatus.QUEUED)

    def due(self, at: datetime) -> "MessageQuerySet":
        """What a sender may take: queued and not waiting for a retry, or left behind by a dead sender."""
        return self.filter(
            Q(status=MessageStatus.QUEUED) & (Q(next_attempt_at=None) | Q(next_attempt_at__lte=at))
            | Q(status=MessageStatus.SENDING, lease_until__lt=at)
        )

    def stuck(self, at: datetime) -> "MessageQuerySet":
        """What somebody should look at: given up and not handled, tried in vain, or waiting for too long."""
        return self.filter(
            Q(status=MessageStatus.FAILED, handled_at=None, leader=None)
            | Q(status=MessageStatus.QUEUED, tries__gt=0)
            | Q(status=MessageStatus.QUEUED, queued_at__lt=at - STUCK_AFTER)
            | Q(status=MessageStatus.SENDING, lease_until__lt=at)
        )


class Message(models.Model):
    """A mail to one address about one event.

    `key` names what the message is for; the same key is written once, whatever is repeated.
    `context` is what it is rendered with: no personal codes, no links that give access.
    `next_attempt_at` is null until the first failure; `lease_until` is set while a sender holds it.
    A message that is MERGED goes out with others in the mail of its `leader`, and shares its fate.
    """

    key = models.CharField(max_length=255, unique=True)
    event = models.CharField(max_length=32, choices=EventType.choices)
    role = models.CharField(max_length=16, choices=Role.choices)
    language = models.CharField(max_length=35, blank=True)
    address = models.EmailField(max_length=254)
    name = models.CharField(max_length=255, blank=True)
    process_id = models.UUIDField(null=True)
    signer_id = models.UUIDField(null=True)
    owner_group = models.CharField(max_length=255, null=True)
    reply_to = models.EmailField(max_length=254, blank=True)
    leader = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="merged")
    context = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=MessageStatus.choices, default=MessageStatus.QUEUED)
    reason = models.TextField(blank=True, help_text="Why it was withdrawn or suppressed, or the server's last answer.")
    log = models.JSONField(default=list, help_text="Each try: when, and what the server said.")
    written_with = models.CharField(max_length=255, blank=True, help_text="The text it was last sent with.")
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    queued_at = models.DateTimeField(help_text="When it was last put into the queue; retries end some days later.")
    next_attempt_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    handled_at = models.DateTimeField(null=True, help_text="When somebody said that a failure needs nothing more.")
    handled_by = models.CharField(max_length=255, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                "queued_at",
                name="message_queue",
                condition=Q(status__in=[MessageStatus.QUEUED, MessageStatus.SENDING]),
            ),
            models.Index("process_id", "created_at", name="message_of_process"),
            models.Index("created_at", name="message_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.role}"

    @property
    def tried(self) -> list[dict[str, Any]]:
        """The log with its moments as such."""
        return [{**entry, "at": datetime.fromisoformat(entry["at"])} for entry in self.log]

    @property
    def resendable(self) -> bool:
        """Whether it may be queued once more: it was sent, or given up."""
        return self.status in RESENDABLE and self.leader_id is None


_TEMPLATE_FIELDS = {
    "event": "event",
    "role": "role",
    "language": "language",
    "ownerGroup": "owner_group",
    "subject": "subject",
    "html": "html",
    "text": "text",
    "active": "active",
}


class MessageTemplate(VersionedModel):
    """An operator's text for an event, a role and a language, for one owner group or for all.

    `based_on` is the fingerprint of the text that shipped when it was last saved: where it differs from the one that
    ships now, the shipped text has moved on.
    """

    AUDITED = True

    DEFAULTS = {"active": True, "subject": "", "html": "", "text": ""}
    DUPLICATE = "There is a template for this event, role, language and group already."

    event = models.CharField(max_length=32, choices=EventType.choices)
    role = models.CharField(max_length=16, choices=Role.choices)
    language = models.CharField(max_length=3, help_text="Two or three letters: lv, de.")
    owner_group = models.CharField(
        max_length=255,
        null=True,
        blank=True,
        help_text="Processes of this group are written about with it; empty: all.",
    )
    subject = models.TextField(blank=True)
    html = models.TextField("HTML", blank=True)
    text = models.TextField("plain text", blank=True)
    active = models.BooleanField(default=True, help_text="Off: nobody of this role is written to about this event.")
    based_on = models.CharField(max_length=64, default="", editable=False)

    class Meta:
        ordering = ["event", "role", "language", "id"]
        constraints = [
            models.UniqueConstraint(
                "event",
                "role",
                "language",
                Coalesce("owner_group", Value("")),
                name="one_template_per_place",
                violation_error_message="There is a template for this event, role, language and group already.",
            )
        ]

    def __str__(self) -> str:
        group = f", {self.owner_group}" if self.owner_group else ""
        return f"{self.event} to {self.role} ({self.language}{group})"

    @property
    def outdated(self) -> bool:
        """Whether the text that ships is another one than when this was saved."""
        ships = shipped(self.event, self.role, self.language)
        return ships is not None and ships.fingerprint != self.based_on

    @classmethod
    def api_fields(cls) -> dict[str, str]:
        """Templates are not in the API: these are the names in audit events."""
        return _TEMPLATE_FIELDS

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: Any = None) -> Body:
        changed = cls.changed_columns(body, before)
        after = {c: changed.get(c, getattr(before, c, cls.DEFAULTS.get(c))) for c in cls.api_fields().values()}
        if not any((after["subject"], after["html"], after["text"])):
            after["active"] = changed["active"] = False
        if faults := faults_of(after):
            raise Invalid(faults=faults)
        ships = shipped(after["event"], after["role"], after["language"])
        based_on = ships.fingerprint if ships else ""
        return {**changed, **({"based_on": based_on} if based_on != getattr(before, "based_on", None) else {})}

    def require_changeable(self, actor: Actor) -> None:
        self.require_creatable(actor)

    @classmethod
    def require_creatable(cls, actor: Actor) -> None:
        if not actor.may(Right.ADMINISTER):
            raise MissingRight(Right.ADMINISTER, "Changing the texts of mails")


class RefusedAddress(models.Model):
    """An address that a mail server refused for good, until it takes a mail to it."""

    address = models.EmailField(max_length=254, unique=True, help_text="In small letters.")
    answer = models.TextField()
    refused_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "refused addresses"

    def __str__(self) -> str:
        return f"refused {self.refused_at:%Y-%m-%d}"


class ReminderSettings(models.Model):
    """When reminders go out: one row that an administrator changes. `done_until`: the moment up to which they have."""

    ONLY: ClassVar[int] = 1

    active = models.BooleanField(default=True, help_text="Off: no reminder goes out by itself.")
    hour = models.PositiveSmallIntegerField(default=11, validators=[MaxValueValidator(23)], help_text="0 to 23.")
    days = models.CharField(max_length=100, default="5, 3, 1", help_text="Days before the due date, with commas.")
    zone = models.CharField(max_length=64, blank=True, help_text="Time zone, like Europe/Riga; empty: the service's.")
    business_days_only = models.BooleanField(
        default=False, help_text="A reminder of a weekend or holiday goes out on the business day before."
    )
    quiet_countries = models.CharField(
        max_length=100, blank=True, help_text="Countries whose holidays count, with commas: LV, LT, EE."
    )
    overdue_notice = models.BooleanField(
        default=True, help_text="Tell the initiator on the day after a due date that has passed."
    )
    without_due_date_every = models.PositiveSmallIntegerField(
        default=0, help_text="Remind every so many days where a step has no due date; 0: never."
    )
    done_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "reminder settings"

    def __str__(self) -> str:
        return "Reminders"

    @classmethod
    def current(cls) -> "ReminderSettings":
        """The settings; those that ship until somebody has changed them."""
        return cls.objects.filter(pk=cls.ONLY).first() or cls(pk=cls.ONLY)

    @property
    def calendar(self) -> Calendar:
        return Calendar(
            zone=zoneinfo.ZoneInfo(self.zone or settings.TIME_ZONE),
            hour=self.hour,
            days=tuple(sorted(_numbers(self.days), reverse=True)),
            business_days_only=self.business_days_only,
            countries=tuple(_words(self.quiet_countries)),
        )

    def clean(self) -> None:
        wrong: dict[str, str] = {}
        if (
            not all(word.isascii() and word.isdigit() and 0 < int(word) <= LAST_DAY for word in _words(self.days))
            or not self.days.strip()
        ):
            wrong["days"] = f"Whole numbers from 1 to {LAST_DAY}, with commas."
        if self.zone and self.zone not in zoneinfo.available_timezones():
            wrong["zone"] = "There is no such time zone; write it like Europe/Riga."
        if unknown := [word for word in _words(self.quiet_countries) if word not in COUNTRIES]:
            wrong["quiet_countries"] = f"The holidays of {unknown[0]} are not known; two capital letters, like LV."
        if wrong:
            raise ValidationError(wrong)


LAST_DAY = 365


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]


def _numbers(text: str) -> set[int]:
    return {int(word) for word in _words(text)}

"""The tables of this app: messages (which are also the queue), templates, refused addresses, outages of the mail
server, reminder settings.

Putting messages into the queue is `outbox`, sending them is `delivery`.
"""

import zoneinfo
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from config.access.actor import Actor, MissingRight
from config.api_values import Body, JsonObject
from config.errors import Invalid
from config.versioned.models import VersionedModel
from config.vocabulary import EventType, Right, Role
from notifications.calendar import COUNTRIES, Calendar
from notifications.texts.check import template_faults
from notifications.texts.shipped import shipped_text


class MessageStatus(models.TextChoices):
    QUEUED = "QUEUED", "waiting to be sent"
    SENDING = "SENDING", "being sent"
    SENT = "SENT", "accepted by the mail server"
    FAILED = "FAILED", "failed"
    WITHDRAWN = "WITHDRAWN", "no longer needed"
    SUPPRESSED = "SUPPRESSED", "not sent"
    MERGED = "MERGED", "sent as part of a digest"


class HourlyLimit(models.TextChoices):
    """The limits that messages wait for (see `delivery.hourly`)."""

    ADDRESS = "ADDRESS", "hourly limit for this address"
    CLIENT = "CLIENT", "hourly limit for this client"


STUCK_AFTER = timedelta(minutes=15)
RESENDABLE = (MessageStatus.SENT, MessageStatus.FAILED)

IN_QUEUE = [MessageStatus.QUEUED, MessageStatus.SENDING]

# The statuses of a message that may still be sent.
NOT_YET = (*IN_QUEUE, MessageStatus.MERGED)

# From when on a sender may claim a message of the queue: when the lease of a dead sender ends, or when it is tried
# again, or at once.
_CLAIMABLE_AT = Coalesce("lease_until", "next_attempt_at", "queued_at")

# What the hourly limits ask about a message: until when it is in hand, or when it was sent.
_LIMITED_AT = Coalesce("lease_until", "sent_at")


def _waits_for(limit: HourlyLimit) -> Q:
    return Q(status=MessageStatus.QUEUED, waits_for=limit)


class MessageQuerySet(models.QuerySet["Message"]):
    def of_process(self, process_id: object) -> "MessageQuerySet":
        return self.filter(process_id=process_id)

    def queued(self) -> "MessageQuerySet":
        return self.filter(status=MessageStatus.QUEUED)

    def due(self, at: datetime) -> "MessageQuerySet":
        """The messages that a sender may claim, in this order: queued with nothing to wait for, or abandoned by a dead
        sender."""
        due = self.alias(claimable_at=_CLAIMABLE_AT).filter(status__in=IN_QUEUE, claimable_at__lte=at)
        return due.order_by("claimable_at", "queued_at", "id")

    def limited_since(self, at: datetime) -> "MessageQuerySet":
        """The emails sent after this time or in hand; not the parts of digests."""
        return self.alias(limited_at=_LIMITED_AT).filter(limited_at__gt=at, leader=None)

    def waiting_for(self, limit: HourlyLimit) -> "MessageQuerySet":
        return self.filter(_waits_for(limit))

    def stuck(self, at: datetime) -> "MessageQuerySet":
        """The messages that need attention: failed and not handled, attempted without success, or overdue.

        A message that waits for an hourly limit is not overdue.
        """
        return self.filter(
            Q(status=MessageStatus.FAILED, handled_at=None, leader=None)
            | Q(status=MessageStatus.QUEUED, attempts__gt=0)
            | Q(status=MessageStatus.QUEUED, queued_at__lt=at - STUCK_AFTER, waits_for="")
            | Q(status=MessageStatus.SENDING, lease_until__lt=at)
        )


class Message(models.Model):
    """An email to one address about one event.

    `key` identifies what the message is for: there is one message per key, however often it is queued.
    `context` holds the values of its text: no personal codes, no links that give access.
    `client` is the client that caused the message; empty for jobs and the service itself. `address_key` is the form in
    which the limits compare addresses. `next_attempt_at` is set while the message waits: for another attempt after a
    failure, or for the limit in `waits_for`. `lease_until` is set while a sender holds the message. `earlier_sends` is
    how often it was sent in the hour before it was last sent again.
    A digest is sent in place of several messages. Those are MERGED, have the digest as their `leader`, and get the
    status in which it ends.
    """

    key = models.CharField(max_length=255, unique=True)
    event = models.CharField(max_length=32, choices=EventType.choices)
    role = models.CharField(max_length=16, choices=Role.choices)
    language = models.CharField(max_length=35, blank=True)
    address = models.EmailField(max_length=254)
    address_key = models.CharField(max_length=254, editable=False)
    name = models.CharField(max_length=255, blank=True)
    client = models.CharField(max_length=255, blank=True, help_text="The client that caused it. Empty: Paraph itself.")
    process_id = models.UUIDField(null=True)
    signer_id = models.UUIDField(null=True)
    owner_group = models.CharField(max_length=255, null=True)
    reply_to = models.EmailField(max_length=254, blank=True)
    is_digest = models.BooleanField(default=False)
    leader = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="merged")
    context = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=MessageStatus.choices, default=MessageStatus.QUEUED)
    reason = models.TextField(blank=True, help_text="Why it was not sent, or the mail server's last response.")
    log = models.JSONField(default=list, help_text="The time and the mail server's response of each failed attempt.")
    template_used = models.CharField(max_length=255, blank=True, help_text="The text of the last attempt.")
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    queued_at = models.DateTimeField(help_text="When it was last queued. Retries end three days later at the earliest.")
    next_attempt_at = models.DateTimeField(null=True)
    waits_for = models.CharField(max_length=7, choices=HourlyLimit.choices, blank=True)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    earlier_sends = models.PositiveSmallIntegerField(default=0, editable=False)
    withdrawn_at = models.DateTimeField(null=True)
    handled_at = models.DateTimeField(null=True, help_text="When an administrator marked the failure as handled.")
    handled_by = models.CharField(max_length=255, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(_CLAIMABLE_AT, "queued_at", "id", name="message_queue", condition=Q(status__in=IN_QUEUE)),
            models.Index("address_key", _LIMITED_AT, name="message_of_address", condition=Q(leader=None)),
            models.Index("client", _LIMITED_AT, name="message_of_client", condition=Q(leader=None) & ~Q(client="")),
            models.Index("address_key", name="message_waits_for_address", condition=_waits_for(HourlyLimit.ADDRESS)),
            models.Index("client", name="message_waits_for_client", condition=_waits_for(HourlyLimit.CLIENT)),
            models.Index("process_id", "created_at", name="message_of_process"),
            models.Index("created_at", name="message_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.role}"

    @property
    def attempt_log(self) -> list[JsonObject]:
        """The log with `at` as a datetime."""
        return [{**entry, "at": datetime.fromisoformat(entry["at"])} for entry in self.log]

    @property
    def limit_reached(self) -> str:
        """The hourly limit that a queued message waits for; empty if there is none."""
        if self.status != MessageStatus.QUEUED or not self.waits_for:
            return ""
        return HourlyLimit(self.waits_for).label

    @property
    def resendable(self) -> bool:
        """Whether the message can be queued again: it was sent or has failed, by itself."""
        return self.status in RESENDABLE and self.leader_id is None


_TEMPLATE_FIELDS = {name: name for name in ("event", "role", "language", "subject", "html", "text", "active")}
_TEMPLATE_FIELDS["ownerGroup"] = "owner_group"
_DUPLICATE_TEMPLATE = "A text for this event, role, language and owner group already exists."


class MessageTemplate(VersionedModel):
    """The text that an administrator wrote for an event, role and language, for one owner group or for all.

    `based_on` is the fingerprint of the shipped text at the time of the last save. If it differs from today's, an
    update of the product has changed the shipped text.
    """

    AUDITED = True

    DEFAULTS = {"active": True, "subject": "", "html": "", "text": ""}
    DUPLICATE = _DUPLICATE_TEMPLATE

    event = models.CharField(max_length=32, choices=EventType.choices)
    role = models.CharField(max_length=16, choices=Role.choices)
    language = models.CharField(max_length=3, help_text="Two or three lowercase letters, for example lv.")
    owner_group = models.CharField(max_length=255, null=True, blank=True, help_text="Leave empty for all processes.")
    subject = models.TextField(blank=True)
    html = models.TextField("HTML", blank=True)
    text = models.TextField("plain text", blank=True)
    active = models.BooleanField(default=True, help_text="If disabled, no email is sent.")
    based_on = models.CharField(max_length=64, default="", editable=False)

    class Meta:
        verbose_name = "email text"
        ordering = ["event", "role", "language", "id"]
        constraints = [
            models.UniqueConstraint(
                "event",
                "role",
                "language",
                Coalesce("owner_group", Value("")),
                name="one_template_per_place",
                violation_error_message=_DUPLICATE_TEMPLATE,
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.role} ({self.place})"

    @property
    def place(self) -> str:
        """The language, and the owner group if any: `lv, legal`."""
        return ", ".join(part for part in (self.language, self.owner_group) if part)

    @property
    def outdated(self) -> bool:
        """Whether the shipped text has changed since the last save."""
        source = shipped_text(self.event, self.role, self.language)
        return source is not None and source.fingerprint != self.based_on

    @classmethod
    def api_fields(cls) -> dict[str, str]:
        """The names in audit events; there is no API for templates."""
        return _TEMPLATE_FIELDS

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: "MessageTemplate | None" = None) -> Body:
        changed = cls.changed_columns(body, before)
        # The row as it will be.
        if before is None:
            after = cls.DEFAULTS | changed
        else:
            after = {column: getattr(before, column) for column in _TEMPLATE_FIELDS.values()} | changed

        # An empty template is a disabled one.
        if not any((after["subject"], after["html"], after["text"])):
            after["active"] = False
            changed["active"] = False
        faults = template_faults(after)
        if faults:
            raise Invalid(faults=faults)

        source = shipped_text(after["event"], after["role"], after["language"])
        based_on = source.fingerprint if source else ""
        if before is None or before.based_on != based_on:
            changed["based_on"] = based_on
        return changed

    def require_changeable(self, actor: Actor) -> None:
        self.require_creatable(actor)

    @classmethod
    def require_creatable(cls, actor: Actor) -> None:
        if not actor.may(Right.ADMINISTER):
            raise MissingRight(Right.ADMINISTER, "Changing email texts")


class RefusedAddress(models.Model):
    """An address that a mail server rejected permanently. The row is deleted when a message to it is accepted."""

    address = models.EmailField(max_length=254, unique=True, help_text="Lowercase.")
    response = models.TextField()
    refused_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "refused addresses"

    def __str__(self) -> str:
        return f"refused {self.refused_at:%Y-%m-%d}"


class Outage(models.Model):
    """The mail server refuses the sender, or may do so: at most one row, and none after an accepted message.

    `next_attempt_at` is null as long as it may be the fault of single messages: those in `unclear`, by id.
    """

    ONLY: ClassVar[int] = 1

    since = models.DateTimeField()
    response = models.TextField()
    unclear = models.JSONField(default=list)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"since {self.since:%Y-%m-%d %H:%M}"

    @property
    def is_certain(self) -> bool:
        """Whether sending has stopped. Otherwise single messages are refused, and the others are sent."""
        return self.next_attempt_at is not None


class ReminderSettings(models.Model):
    """When reminders are sent: a single row. `done_until` is the time up to which they have been sent."""

    ONLY: ClassVar[int] = 1
    LAST_DAY: ClassVar[int] = 365

    active = models.BooleanField(default=True, help_text="If disabled, no reminders are sent automatically.")
    hour = models.PositiveSmallIntegerField(default=11, validators=[MaxValueValidator(23)], help_text="0 to 23.")
    days = models.CharField(max_length=100, default="5, 3, 1", help_text="Days before the due date, comma-separated.")
    zone = models.CharField("time zone", max_length=64, blank=True, help_text="Empty: the time zone of the service.")
    business_days_only = models.BooleanField(
        default=False, help_text="Send reminders that fall on a weekend or holiday on the preceding business day."
    )
    quiet_countries = models.CharField("holidays in", max_length=100, blank=True, help_text="For example LV, LT, EE.")
    overdue_notice = models.BooleanField(default=True, help_text="Notify the initiator the day after a due date.")
    without_due_date_every = models.PositiveSmallIntegerField(
        "reminder interval without a due date", default=0, help_text="In days; 0: no reminders."
    )
    done_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "reminder settings"

    def __str__(self) -> str:
        return "Reminders"

    @classmethod
    def current(cls) -> "ReminderSettings":
        """The saved settings, or the defaults."""
        return cls.objects.filter(pk=cls.ONLY).first() or cls(pk=cls.ONLY)

    @property
    def calendar(self) -> Calendar:
        return Calendar(
            zone=zoneinfo.ZoneInfo(self.zone or settings.TIME_ZONE),
            hour=self.hour,
            days=tuple(sorted({int(number) for number in _comma_separated(self.days)}, reverse=True)),
            business_days_only=self.business_days_only,
            countries=tuple(_comma_separated(self.quiet_countries)),
        )

    def clean(self) -> None:
        errors: dict[str, str] = {}
        days = _comma_separated(self.days)
        if not days or not all(self._is_day_count(number) for number in days):
            errors["days"] = f"Days must be whole numbers from 1 to {self.LAST_DAY}, comma-separated."
        if self.zone and self.zone not in zoneinfo.available_timezones():
            errors["zone"] = "The time zone must be a name like Europe/Riga."
        for country in _comma_separated(self.quiet_countries):
            if country not in COUNTRIES:
                errors["quiet_countries"] = f"Countries must be two-letter codes like LV; '{country}' is unknown."
        if errors:
            raise ValidationError(errors)

    def _is_day_count(self, text: str) -> bool:
        return text.isascii() and text.isdigit() and 1 <= int(text) <= self.LAST_DAY


def _comma_separated(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    return [word for word in words if word]

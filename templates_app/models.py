"""The plan: templates of processes, and the profile of each type of document with its attributes.

A process takes its profile's rules along when it starts (`templates_app.rules`); later changes do not reach it.
"""

from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from config.access.actor import Actor, MissingRight
from config.api_values import Body
from config.errors import DomainError, Fault, Invalid
from config.text import plain
from config.versioned.models import OwnedModel, VersionedModel, VersionedQuerySet
from config.versioned.ownership import owned
from config.vocabulary import AttributeType, Right
from templates_app.serializers import LONGEST_RETENTION, AttributeSerializer, ProfileSerializer, TemplateSerializer

MAX_TEMPLATE_BYTES = 1024 * 1024


class Template(OwnedModel):
    """A set-up that is often used, as the reference's `Template`. `data` is the client's own, kept to the byte."""

    serializer_class = TemplateSerializer
    DEFAULTS = {"scope": "PERSONAL"}

    name = models.CharField(max_length=255)
    data = models.TextField(null=True, blank=True, help_text="JSON of a process, if processes are to be made of it.")
    name_plain = models.TextField(default="", editable=False)

    class Meta:
        ordering = ["name_plain", "id"]
        indexes = [
            models.Index("name_plain", "id", name="template_by_name"),
            models.Index("created_at", "id", name="template_by_creation"),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: Any = None) -> Body:
        changed, faults = owned(cls.changed_columns(body, before), actor=actor, before=before)
        faults += _named(changed, before, "A template")
        if len((changed.get("data") or "").encode()) > MAX_TEMPLATE_BYTES:
            faults.append(Fault("A template's data is at most 1 MB.", code="max_length", pointer="#/data"))
        if faults:
            raise Invalid(faults=faults)
        return changed

    def search_columns(self) -> Body:
        return {"name_plain": plain(self.name)}


_TURNS = 0x7061_7261_7068_0001
"""The advisory lock of those who write profiles and attributes."""


class Managed(VersionedModel):
    """What everybody may read, and only those with the right `manage_profiles` change."""

    AUDITED = True

    class Meta:
        abstract = True

    def require_changeable(self, actor: Actor) -> None:
        self.require_creatable(actor)

    @classmethod
    def lock_all_writers(cls) -> None:
        """Profiles and attributes are written one after another: a change of one may touch many of the others.

        They are few and seldom changed; on SQLite every writer waits anyway.
        """
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURNS])

    @classmethod
    def require_creatable(cls, actor: Actor) -> None:
        if not actor.may(Right.MANAGE_PROFILES):
            raise MissingRight(Right.MANAGE_PROFILES, "Changing document profiles and attributes")


class AttributeInUse(DomainError):
    code = "attribute_in_use"
    status = 409


class DocumentAttribute(Managed):
    """Something that is to be said of a document, shared by the profiles that ask for it."""

    serializer_class = AttributeSerializer
    DEFAULTS = {"required": False}
    DUPLICATE = "There is an attribute of this name already; name it by its id."

    name = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=8, choices=AttributeType.choices)
    required = models.BooleanField(default=False, help_text="A process cannot start while this is missing.")
    name_plain = models.TextField(default="", editable=False)

    class Meta:
        ordering = ["name_plain", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def in_words(self) -> str:
        return f"{self.name} ({self.type}{', required' if self.required else ''})"

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: Any = None) -> Body:
        changed = cls.changed_columns(body, before)
        faults = _named(changed, before, "An attribute")
        if not changed.get("type", getattr(before, "type", None)):
            allowed = ", ".join(AttributeType.values)
            faults.append(Fault(f"An attribute has a type: {allowed}.", code="required", pointer="#/type"))
        if faults:
            raise Invalid(faults=faults)
        return changed

    def search_columns(self) -> Body:
        return {"name_plain": plain(self.name)}

    def require_deletable(self) -> None:
        users = DocumentProfile.objects.filter(uses__attribute=self).order_by("profileorder", "id")
        if users:
            where = ", ".join(f"'{profile}' ({profile.pk})" for profile in users[:20])
            more = f" and {len(users) - 20} more" if len(users) > 20 else ""
            raise AttributeInUse(f"This attribute is used by {len(users)} profile(s): {where}{more}. Remove it there.")


class ProfileQuerySet(VersionedQuerySet):
    def for_type(self, document_type: str, owner_group: str | None) -> "DocumentProfile | None":
        """The profile of this type in this group, else the one of no group."""
        found = self.filter(document_type=document_type)
        own = found.filter(owner_group=owner_group).first() if owner_group else None
        return own or found.filter(Q(owner_group=None) | Q(owner_group="")).first()


class DocumentProfile(Managed):
    """The rules for one type of document, in one group or in all that have none of their own."""

    serializer_class = ProfileSerializer
    DEFAULTS = {"is_seal_required": False, "continue_on_decline": False, "review_required": False, "profileorder": 0}
    DUPLICATE = "There is a profile for this documentType and ownerGroup already."

    name = models.CharField(max_length=255, null=True, blank=True)
    document_type = models.CharField(max_length=255)
    owner_group = models.CharField(
        max_length=255,
        null=True,
        blank=True,
        help_text="The group it is for; empty: for all that have none of their own.",
    )
    seal = models.CharField(max_length=255, null=True, blank=True, help_text="Code of the seal.")
    is_seal_required = models.BooleanField(default=False)
    profileorder = models.IntegerField("order", default=0, help_text="Lists are in this order.")
    continue_on_decline = models.BooleanField(
        default=False, help_text="Who declines counts as having acted, and the process goes on."
    )
    review_required = models.BooleanField(
        default=False, help_text="A process starts only if somebody approves in a step before the first signature."
    )
    retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_RETENTION)],
        help_text="So many days after they have finished, processes are removed with what is personal of them; empty: "
        "they are kept.",
    )
    attributes: Any = models.ManyToManyField(DocumentAttribute, through="ProfileAttribute")
    asks_for = models.TextField(
        default="", editable=False, help_text="Its attributes in order, in words: so that the history shows them."
    )
    name_plain = models.TextField(default="", editable=False)

    objects: ClassVar[Any] = ProfileQuerySet.as_manager()

    class Meta:
        ordering = ["profileorder", "id"]
        constraints = [
            models.UniqueConstraint(
                "document_type",
                Coalesce("owner_group", Value("")),
                name="one_profile_per_type_and_group",
                violation_error_message="There is a profile for this document type and group already.",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.document_type

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: Any = None) -> Body:
        changed = cls.changed_columns(body, before)
        if not changed.get("document_type", getattr(before, "document_type", None)):
            detail = "A profile is for a documentType."
            raise Invalid(faults=[Fault(detail, code="required", pointer="#/documentType")])
        return changed

    def search_columns(self) -> Body:
        return {"name_plain": plain(self.name)}


class ProfileAttribute(models.Model):
    """A profile asks for an attribute, at that place."""

    profile = models.ForeignKey(DocumentProfile, on_delete=models.CASCADE, related_name="uses")
    attribute = models.ForeignKey(DocumentAttribute, on_delete=models.RESTRICT, related_name="uses")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["profile", "attribute"], name="an_attribute_once_in_a_profile")]

    def __str__(self) -> str:
        return str(self.attribute)


def _named(changed: Body, before: Any, what: str) -> list[Fault]:
    if not changed.get("name", getattr(before, "name", None)):
        return [Fault(f"{what} has a name.", code="required", pointer="#/name")]
    return []

"""Templates of processes, and the profile of each document type with its attributes.

A process takes the rules of its profile along when it starts (`templates_app.rules`). Later changes of the profile do
not affect it.
"""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from config.access.actor import Actor, MissingRight
from config.api_values import Body
from config.errors import DomainError, Fault, Invalid
from config.text import plain, spellings
from config.versioned.models import OwnedModel, VersionedModel, VersionedQuerySet
from config.versioned.ownership import validate_ownership
from config.vocabulary import AttributeType, Right
from templates_app.retention_rights import (
    RETENTION_COLUMNS,
    require_group_or_administrator,
    require_retention_rights,
)
from templates_app.serializers import MAX_RETENTION_DAYS, AttributeSerializer, ProfileSerializer, TemplateSerializer

MAX_TEMPLATE_BYTES = 1024 * 1024
# The key of the advisory lock of everyone who writes profiles and attributes.
_PROFILE_LOCK = 0x7061_7261_7068_0001


class Template(OwnedModel):
    """A process that is often needed (`Template` in the reference). `data` is the client's and stays unchanged."""

    serializer_class = TemplateSerializer
    DEFAULTS = {"scope": "PERSONAL"}

    name = models.CharField(max_length=255)
    data = models.TextField(null=True, blank=True, help_text="To create processes, enter the JSON of a process.")
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
    def validate_change(cls, body: Body, *, actor: Actor, before: "Template | None" = None) -> Body:
        changed, faults = validate_ownership(cls.changed_columns(body, before), actor=actor, before=before)
        if _is_missing("name", changed, before):
            faults.append(Fault("A template must have a name.", code="required", pointer="#/name"))
        # The limit counts the bytes in UTF-8, not the characters.
        if len((changed.get("data") or "").encode()) > MAX_TEMPLATE_BYTES:
            faults.append(Fault("The data of a template must be at most 1 MB.", code="max_length", pointer="#/data"))
        if faults:
            raise Invalid(faults=faults)
        return changed

    def search_columns(self) -> Body:
        return {"name_plain": plain(self.name)}


class ManageProfilesModel(VersionedModel):
    """Rows that every caller may read, and that only callers with the right `manage_profiles` may change."""

    AUDITED = True

    class Meta:
        abstract = True

    @classmethod
    def lock_all_writers(cls) -> None:
        """Wait until no other transaction writes profiles or attributes, because one change can affect many rows.

        The rows are few and seldom change. SQLite has only one writer at a time anyway.
        """
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PROFILE_LOCK])

    @classmethod
    def require_creatable(cls, actor: Actor) -> None:
        if not actor.may(Right.MANAGE_PROFILES):
            raise MissingRight(Right.MANAGE_PROFILES, "Changing document profiles and attributes")

    def require_changeable(self, actor: Actor) -> None:
        self.require_creatable(actor)


class AttributeInUse(DomainError):
    code = "attribute_in_use"
    status = 409


class DocumentAttribute(ManageProfilesModel):
    """A property of documents, which several profiles can share."""

    serializer_class = AttributeSerializer
    DEFAULTS = {"required": False}
    DUPLICATE = "An attribute with this name already exists. A profile can refer to it by its id."

    name = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=8, choices=AttributeType.choices)
    required = models.BooleanField(default=False, help_text="A process cannot start without a value.")
    name_plain = models.TextField(default="", editable=False)

    class Meta:
        ordering = ["name_plain", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def summary(self) -> str:
        return f"{self.name} ({self.type}{', required' if self.required else ''})"

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: "DocumentAttribute | None" = None) -> Body:
        changed = cls.changed_columns(body, before)
        faults = []
        if _is_missing("name", changed, before):
            faults.append(Fault("An attribute must have a name.", code="required", pointer="#/name"))
        # The database refuses the same name, but not one in another Unicode form.
        others = cls.objects.filter(name__in=spellings(changed.get("name") or "")).exclude(name=changed.get("name"))
        if before is not None:
            others = others.exclude(pk=before.pk)
        if others.exists():
            faults.append(Fault(cls.DUPLICATE, code="taken", pointer="#/name"))
        if _is_missing("type", changed, before):
            detail = f"An attribute must have one of these types: {', '.join(AttributeType.values)}."
            faults.append(Fault(detail, code="required", pointer="#/type"))
        if faults:
            raise Invalid(faults=faults)
        return changed

    def search_columns(self) -> Body:
        return {"name_plain": plain(self.name)}

    def require_deletable(self, actor: Actor) -> None:
        profiles = DocumentProfile.objects.filter(profile_attributes__attribute=self).order_by("profileorder", "id")
        if not profiles:
            return
        names = ", ".join(f"'{profile}' ({profile.pk})" for profile in profiles[:20])
        if len(profiles) > 20:
            names += f" and {len(profiles) - 20} more"
        raise AttributeInUse(f"An attribute in use cannot be deleted. First remove it from these profiles: {names}.")


class ProfileQuerySet(VersionedQuerySet):
    def for_type(self, document_type: str, owner_group: str | None) -> "DocumentProfile | None":
        """The profile of the type in this group; otherwise the profile of the type without a group."""
        profile = None
        if owner_group:
            profile = self.of_type(document_type, owner_group).first()
        return profile or self.of_type(document_type, None).first()

    def of_type(self, document_type: str, owner_group: str | None) -> "ProfileQuerySet":
        """The profile of the type in this group, or without a group, in any Unicode form of both."""
        profiles = self.filter(document_type__in=spellings(document_type))
        if owner_group:
            return profiles.filter(owner_group__in=spellings(owner_group))
        # Both null and an empty text stand for no group.
        return profiles.filter(Q(owner_group=None) | Q(owner_group=""))


class DocumentProfile(ManageProfilesModel):
    """The rules of a document type, in one group or in every group without a profile of its own for the type."""

    serializer_class = ProfileSerializer
    DEFAULTS = {"is_seal_required": False, "continue_on_decline": False, "review_required": False, "profileorder": 0}
    DUPLICATE = "A profile for this documentType and ownerGroup already exists."

    name = models.CharField(max_length=255, null=True, blank=True)
    document_type = models.CharField(max_length=255)
    owner_group = models.CharField(
        max_length=255, null=True, blank=True, help_text="Leave empty for every group without a profile of its own."
    )
    seal = models.CharField(max_length=255, null=True, blank=True, help_text="Code of the seal profile.")
    is_seal_required = models.BooleanField("seal required", default=False)
    profileorder = models.IntegerField("order", default=0, help_text="Profiles are listed in this order.")
    continue_on_decline = models.BooleanField(default=False, help_text="The process continues after a decline.")
    review_required = models.BooleanField(
        default=False, help_text="A process must have an approver in a step before the first signer."
    )
    retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RETENTION_DAYS)],
        help_text="Finished processes and their personal data are deleted after this many days. Leave empty to keep "
        "them.",
    )
    # The end of the warning period, before which this retention deletes nothing. Null until the administrators have
    # been notified of the retention as it is now.
    retention_starts_at = models.DateTimeField(null=True, editable=False)
    attributes: "models.ManyToManyField[DocumentAttribute, ProfileAttribute]" = models.ManyToManyField(
        DocumentAttribute, through="ProfileAttribute"
    )
    # The history records the columns of a profile only, so the attributes are repeated here.
    asks_for = models.TextField("attributes", default="", editable=False)
    name_plain = models.TextField(default="", editable=False)

    objects: ClassVar = ProfileQuerySet.as_manager()

    class Meta:
        ordering = ["profileorder", "id"]
        # To the database, two nulls are different; Coalesce makes two profiles without a group equal.
        constraints = [
            models.UniqueConstraint(
                "document_type",
                Coalesce("owner_group", Value("")),
                name="one_profile_per_type_and_group",
                violation_error_message="A profile for this document type and owner group already exists.",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.document_type

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: "DocumentProfile | None" = None) -> Body:
        changed = cls.changed_columns(body, before)
        if _is_missing("document_type", changed, before):
            detail = "A profile must have a documentType."
            raise Invalid(faults=[Fault(detail, code="required", pointer="#/documentType")])
        require_retention_rights(changed, before, actor=actor)
        if before is not None and ("document_type" in changed or "owner_group" in changed):
            before.require_deletable(actor)
        document_type = changed.get("document_type") or (before and before.document_type) or ""
        owner_group = changed.get("owner_group", before and before.owner_group)
        # The database compares bytes: it refuses a profile of the same type and group, but not one in another form.
        for other in cls.objects.of_type(document_type, owner_group):
            is_same_form = (other.document_type, other.owner_group or "") == (document_type, owner_group or "")
            if changed and not is_same_form and (before is None or other.pk != before.pk):
                raise Invalid(faults=[Fault(cls.DUPLICATE, code="taken", pointer="#/documentType")])
        return changed

    def search_columns(self) -> Body:
        return {"name_plain": plain(self.name)}

    def reset_columns(self, changed: Body) -> Body:
        """A retention that is new, or applies to other processes, needs a new warning period."""
        if not RETENTION_COLUMNS & changed.keys():
            return {}
        return {"retention_starts_at": None}

    def release(self, changed: Body | None = None) -> None:
        """The general retention needs a new warning period if it will apply to the group of this profile."""
        if changed is not None and not {"document_type", "owner_group"} & changed.keys():
            return
        # A form has already set the columns of this object.
        stored = DocumentProfile.objects.get(pk=self.pk)
        if stored.owner_group:
            DocumentProfile.objects.of_type(stored.document_type, None).update(retention_starts_at=None)

    def require_deletable(self, actor: Actor) -> None:
        """Without the profile of a group, the general profile's retention applies to the group's processes."""
        general = DocumentProfile.objects.for_type(self.document_type, None)
        if self.owner_group and general is not None and general.retention_days is not None:
            require_group_or_administrator(self.owner_group, actor=actor)


class ProfileAttribute(models.Model):
    """An attribute of a profile, with its position in the profile's list."""

    profile = models.ForeignKey(DocumentProfile, on_delete=models.CASCADE, related_name="profile_attributes")
    # The database refuses as well, in case a row is deleted without `require_deletable`.
    attribute = models.ForeignKey(DocumentAttribute, on_delete=models.RESTRICT, related_name="profile_attributes")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["profile", "attribute"], name="an_attribute_once_in_a_profile")]

    def __str__(self) -> str:
        return str(self.attribute)


def _is_missing(column: str, changed: Body, before: VersionedModel | None) -> bool:
    """Whether a required column would be empty. An existing row has a value already."""
    if before is not None and column not in changed:
        return False
    return not changed.get(column)

"""The JSON of templates, document profiles and document attributes."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from config.api.fields import MAX_ATTRIBUTES, Choice, Flag, Id, Moment, NullMeansAbsent, Text, Whole, Word
from config.api.schema import WARNINGS, FaultSerializer
from config.vocabulary import AttributeType, Scope

# A hundred years.
MAX_RETENTION_DAYS = 36_500


@extend_schema_serializer(component_name="Template")
class TemplateSerializer(NullMeansAbsent):
    """A template from which processes can be created."""

    not_clearable = frozenset({"owner"})

    id = Id(max_length=36, help_text="Resource identifier.")
    createdAt = Moment(source="created_at", read_only=True, help_text="Template creation timestamp.")
    name = Text(max_length=255, help_text="Template name.")
    data = Text(  # type: ignore[assignment]  # the API's name
        help_text="Template content payload, at most 1 MB. It is returned unchanged, byte for byte."
    )
    owner = Text(max_length=255, help_text="Username of the owner. Default: the caller.")
    scope = Choice(Scope, help_text="Template visibility scope. Default: PERSONAL. ALL is only allowed in filters.")
    group = Text(max_length=255, help_text="Code of the owner group. Required for the scope GROUP.")
    warnings = FaultSerializer(many=True, read_only=True, help_text=WARNINGS)


@extend_schema_serializer(component_name="DocumentAttribute")
class AttributeSerializer(serializers.Serializer):
    id = Id(max_length=36, help_text="Resource identifier. In a profile, an attribute without an ID may be a new one.")
    createdAt = Moment(source="created_at", read_only=True, help_text="Attribute creation timestamp.")
    type = Word(AttributeType, help_text=f"Attribute data type, in any case: {', '.join(AttributeType.values)}.")
    name = Text(max_length=255, help_text="Attribute name. It must be unique.")
    required = Flag(  # type: ignore[assignment]  # the API's name
        help_text="Indicates whether the attribute is required. Default: false."
    )
    warnings = FaultSerializer(many=True, read_only=True, help_text=WARNINGS)


@extend_schema_serializer(component_name="DocumentProfile")
class ProfileSerializer(NullMeansAbsent):
    """The rules of a document type, for one owner group or for all other groups."""

    not_clearable = frozenset({"attributes"})

    id = Id(max_length=36, help_text="Resource identifier.")
    name = Text(max_length=255, help_text="Document profile name.")
    documentType = Text(source="document_type", max_length=255, help_text="Document type for this profile.")
    ownerGroup = Text(
        source="owner_group", max_length=255, help_text="Owner group for this profile; null for all other groups."
    )
    attributes: serializers.ListSerializer = serializers.ListSerializer(
        child=AttributeSerializer(),
        required=False,
        allow_null=True,
        max_length=MAX_ATTRIBUTES,
        help_text="Required and optional document attributes, in order. Null has the same meaning as a missing list.",
    )
    seal = Text(max_length=255, help_text="Seal profile code.")
    isSealRequired = Flag(source="is_seal_required", help_text="Indicates whether a seal is required. Default: false.")
    profileorder = Whole(help_text="Display order of the profile.")
    continueOnDecline = Flag(source="continue_on_decline", help_text="The process continues after a decline.")
    reviewRequired = Flag(
        source="review_required", help_text="A process must have an APPROVER in a step before the first SIGNER."
    )
    retentionDays = Whole(
        source="retention_days",
        min_value=1,
        max_value=MAX_RETENTION_DAYS,
        help_text="Finished processes and their personal data are deleted after this many days. Null: they are kept. "
        "Setting or lowering it requires membership in the owner group or the right `administer`.",
    )
    warnings = FaultSerializer(many=True, read_only=True, help_text=WARNINGS)

"""The wire's shapes of templates, document profiles and attributes."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from config.api.fields import MAX_ATTRIBUTES, Choice, Flag, Moment, Text, Whole, Word
from config.vocabulary import AttributeType, Scope

LONGEST_RETENTION = 36_500
"""Days: a hundred years."""


@extend_schema_serializer(component_name="Template")
class TemplateSerializer(serializers.Serializer):
    id = Text(max_length=36, help_text="Resource identificator.")
    createdAt = Moment(source="created_at", read_only=True, help_text="Template creation timestamp.")
    name = Text(max_length=255, help_text="Template name.")
    data = Text(  # type: ignore[assignment]  # the wire's name
        help_text="Template content payload, at most 1 MB, given back to the byte."
    )
    owner = Text(max_length=255, help_text="Template owner code; the caller unless said otherwise.")
    scope = Choice(Scope, help_text="Who sees the template; PERSONAL unless said otherwise. ALL is for filters alone.")
    group = Text(max_length=255, help_text="Template owner group; needed with the scope GROUP.")


@extend_schema_serializer(component_name="DocumentAttribute")
class AttributeSerializer(serializers.Serializer):
    id = Text(max_length=36, help_text="Resource identificator. In a profile: of an existing attribute; none is new.")
    createdAt = Moment(source="created_at", read_only=True, help_text="Attribute creation timestamp.")
    type = Word(AttributeType, help_text=f"Attribute data type, in any case: {', '.join(AttributeType.values)}.")
    name = Text(max_length=255, help_text="Attribute name; one attribute has it.")
    required = Flag(  # type: ignore[assignment]  # the wire's name
        help_text="Indicates whether attribute is required. Default false."
    )


@extend_schema_serializer(component_name="DocumentProfile")
class ProfileSerializer(serializers.Serializer):
    id = Text(max_length=36, help_text="Resource identificator.")
    name = Text(max_length=255, help_text="Document profile name.")
    documentType = Text(source="document_type", max_length=255, help_text="Document type for this profile.")
    ownerGroup = Text(
        source="owner_group", max_length=255, help_text="Owner group for this profile; null: all that have none."
    )
    attributes: Any = serializers.ListSerializer(
        child=AttributeSerializer(),
        required=False,
        allow_null=True,
        max_length=MAX_ATTRIBUTES,
        help_text="Required/optional document attributes, in order.",
    )
    seal = Text(max_length=255, help_text="Seal profile code.")
    isSealRequired = Flag(source="is_seal_required", help_text="Indicates whether a seal is required. Default false.")
    profileorder = Whole(help_text="Display order of the profile.")
    continueOnDecline = Flag(
        source="continue_on_decline", help_text="A decline counts as having acted, and the process goes on."
    )
    reviewRequired = Flag(
        source="review_required", help_text="A process starts only with an APPROVER in a step before the first SIGNER."
    )
    retentionDays = Whole(
        source="retention_days",
        min_value=1,
        max_value=LONGEST_RETENTION,
        help_text="Days after which a finished process is removed, with what is personal of it; null: it is kept.",
    )

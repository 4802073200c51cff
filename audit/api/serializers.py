"""The wire's shape of an audit event."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from audit.log import is_reserved
from audit.models import LONGEST_NOTE, ORIGIN, Source
from config.api.fields import Choice, Moment, Text
from config.vocabulary import EventType


@extend_schema_field(OpenApiTypes.OBJECT)
class Values(serializers.JSONField):
    """Values by the wire's names and paths."""


@extend_schema_serializer(component_name="AuditEvent")
class EventSerializer(serializers.Serializer):
    id = Text(source="reported_id", max_length=255, help_text="In answers ours; what a report says is `reportedId`.")
    createdAt = Moment(source="reported_at", help_text="In answers ours; what a report says is `reportedAt`.")
    eventType = Choice(
        EventType, source="event_type", required=True, allow_null=False, help_text="Type of event being audited."
    )
    eventOrigin = Text(
        source="event_origin", max_length=255, help_text=f"Source/origin of the event. '{ORIGIN}' is the service's own."
    )
    creator = Text(max_length=255, help_text="User who initiated the event; the caller unless said otherwise.")
    documentId = Text(source="document_id", max_length=255, help_text="Document identificator.")
    signerId = Text(source="signer_id", max_length=255, help_text="Signer identificator.")
    customerPersonalCode = Text(source="customer_personal_code", max_length=64, help_text="Customer personal code.")
    note = Text(max_length=LONGEST_NOTE, help_text="Additional audit note.")
    processId = Text(source="process_id", max_length=255, help_text="Signing process identificator.")
    ipAddress = Text(source="ip_address", max_length=255, help_text="Request IP address; the caller's unless said.")
    containerId = Text(source="container_id", max_length=255, help_text="Container identificator.")
    method = Text(max_length=255, help_text="Method or operation name.")
    clientAppName = Text(source="client_app_name", max_length=255, help_text="Client application name.")
    number = serializers.IntegerField(read_only=True, help_text="Rises with every event.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # the wire's name
        Source.choices, read_only=True, help_text="Whether the service itself wrote it, or it was reported."
    )
    requestId = Text(source="request_id", read_only=True, help_text="Id of the request, as in the service's log.")
    reportedBy = Text(source="reported_by", read_only=True, help_text="The client that reported it.")
    reportedId = Text(source="reported_id", read_only=True, help_text="What that client calls it.")
    reportedAt = Moment(source="reported_at", read_only=True, help_text="When that client says that it happened.")
    before = Values(read_only=True, allow_null=True, help_text="What a change changed: before.")
    after = Values(read_only=True, allow_null=True, help_text="What a change changed: after.")
    seq = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Its place in its process's chain; null for some seconds at first."
    )
    erased = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        allow_null=True,
        help_text="Which of its values were erased, since a person asked for it or their time was over.",
    )

    def validate_eventOrigin(self, origin: str | None) -> str | None:  # noqa: N802 (the wire's name)
        if origin is not None and is_reserved(origin):
            detail = f"'{ORIGIN}' is the service's own origin; name your own."
            raise serializers.ValidationError(detail, code="reserved_origin")
        return origin

    def validate(self, event: dict[str, Any]) -> dict[str, Any]:
        """What is null is not said."""
        return {column: value for column, value in event.items() if value is not None}

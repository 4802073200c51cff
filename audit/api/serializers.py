"""An audit event in the API: the fields of reports and of responses."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from audit.models import LONGEST_NOTE, AuditEvent, EventSource
from config import api_values
from config.api.fields import Choice, Id, Moment, PersonalCode, Text
from config.api_values import Body, JsonObject
from config.service_name import SERVICE_NAME, resembles_service_name
from config.vocabulary import EventType

MAX_REPORTS = 500

_RESERVED = f"'{SERVICE_NAME}' and names that look like it are reserved."


class OtherName(Text):
    """A name that a reader cannot take for that of the service."""

    def to_internal_value(self, data: object) -> str:
        name = super().to_internal_value(data)
        if resembles_service_name(name):
            detail = (
                f"{self.field_name} must not be or resemble '{SERVICE_NAME}': this name is reserved for the service."
            )
            raise serializers.ValidationError(detail, code="reserved_origin")
        return name


@extend_schema_field(OpenApiTypes.OBJECT)
class ValuesField(serializers.JSONField):
    """Values by API field, or by path for values of steps and signers."""


@extend_schema_serializer(component_name="AuditEvent")
class EventSerializer(serializers.Serializer):
    id = Text(
        source="reported_id",
        max_length=255,
        help_text="ID of the event. The `id` that a client reports is returned as `reportedId`.",
    )
    createdAt = Moment(
        source="reported_at",
        help_text="Time of recording. The `createdAt` that a client reports is returned as `reportedAt`.",
    )
    eventType = Choice(EventType, source="event_type", required=True, allow_null=False, help_text="Type of the event.")
    eventOrigin = OtherName(source="event_origin", max_length=255, help_text=f"Source of the event. {_RESERVED}")
    creator = OtherName(max_length=255, help_text=f"User who caused the event. Default: the caller. {_RESERVED}")
    documentId = Text(source="document_id", max_length=255, help_text="Document identifier.")
    signerId = Id(source="signer_id", max_length=255, help_text="Signer identifier.")
    customerPersonalCode = PersonalCode(source="customer_personal_code", help_text="Customer personal code.")
    note = Text(max_length=LONGEST_NOTE, help_text="Additional audit note.")
    processId = Id(source="process_id", max_length=255, help_text="Signing process identifier.")
    ipAddress = Text(source="ip_address", max_length=255, help_text="IP address of the request. Default: the caller's.")
    containerId = Text(source="container_id", max_length=255, help_text="Container identifier.")
    method = Text(max_length=255, help_text="Method or operation name.")
    clientAppName = OtherName(
        source="client_app_name", max_length=255, help_text=f"Client application name. {_RESERVED}"
    )
    number = serializers.IntegerField(read_only=True, help_text="Increases with every event.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # the API field's name
        EventSource.choices, read_only=True, help_text="Whether the service recorded the event or a client reported it."
    )
    requestId = Text(source="request_id", read_only=True, help_text="ID of the request, as in the service's log.")
    reportedBy = Text(source="reported_by", read_only=True, help_text="The client that reported the event.")
    reportedId = Text(source="reported_id", read_only=True, help_text="The `id` in the report.")
    reportedAt = Moment(source="reported_at", read_only=True, help_text="The `createdAt` in the report.")
    before = ValuesField(read_only=True, allow_null=True, help_text="The values before a change.")
    after = ValuesField(read_only=True, allow_null=True, help_text="The values after a change.")
    seq = serializers.IntegerField(read_only=True, allow_null=True, help_text="Position in the chain; null if pending.")
    erased = serializers.ListField(
        child=serializers.CharField(), read_only=True, allow_null=True, help_text="Names of the erased values."
    )

    def validate(self, event: Body) -> Body:
        """Null fields are ignored."""
        return {column: value for column, value in event.items() if value is not None}


class EventPage(serializers.Serializer):
    """A page of events. With the cursor `after`, it has `next` instead of the fields that require counting."""

    content = EventSerializer(many=True)
    size = serializers.IntegerField()
    numberOfElements = serializers.IntegerField()
    next = serializers.CharField(required=False, help_text="With `after`: the cursor for the next page.")
    totalElements = serializers.IntegerField(required=False)
    totalElementsExact = serializers.BooleanField(required=False)
    totalPages = serializers.IntegerField(required=False)
    number = serializers.IntegerField(required=False)
    first = serializers.BooleanField(required=False)
    last = serializers.BooleanField(required=False)
    empty = serializers.BooleanField(required=False)


# The attribute of an event that each field of a response shows. The serializer stores `id` and `createdAt` of a report
# under other names; in a response they are the service's own.
EVENT_FIELDS = {name: field.source or name for name, field in EventSerializer().get_fields().items()}
EVENT_FIELDS |= {"id": "id", "createdAt": "created_at"}


def event_body(event: AuditEvent) -> JsonObject:
    """The event in a response. Empty text is null."""
    body = api_values.row(event, EVENT_FIELDS)
    for name, value in body.items():
        if value == "":
            body[name] = None
    return body

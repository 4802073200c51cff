"""The filters of the list of audit events."""

from datetime import datetime

from django import forms
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from audit.models import AuditEventQuerySet
from config.api.fields import Moment, is_moment
from config.api.lists.filters import IdFilter, ListFilter, WordsFilter
from config.vocabulary import EventType

# The column of each field by which the list can be sorted.
EVENT_SORTS = {"createdAt": "created_at", "id": "id"}


class MomentField(forms.Field):
    def to_python(self, value: str | None) -> datetime | None:
        if not value:
            return None
        if not is_moment(value):
            detail = "Must be a date and time (RFC 3339), for example 2026-02-17T11:00:00Z."
            raise forms.ValidationError(detail, code="not_a_moment")
        return Moment().to_internal_value(value)


class MomentFilter(filters.Filter):
    field_class = MomentField


class EventFilter(ListFilter):
    processId = IdFilter(field_name="process_id")
    documentId = filters.CharFilter(field_name="document_id")
    signerId = IdFilter(field_name="signer_id")
    eventType = WordsFilter(field_name="event_type", lookup_expr="in", words=EventType.values)
    creator = filters.CharFilter(method="filter_value")
    clientAppName = filters.CharFilter(field_name="client_app_name")
    ipAddress = filters.CharFilter(method="filter_value")
    createdFrom = MomentFilter(field_name="created_at", lookup_expr="gte")
    createdTo = MomentFilter(field_name="created_at", lookup_expr="lt")
    note = filters.CharFilter(method="filter_note")

    def filter_value(self, events: AuditEventQuerySet, name: str, value: str) -> AuditEventQuerySet:
        # These personal values are stored under the names of their API fields.
        return events.with_value(name, value=value)

    def filter_note(self, events: AuditEventQuerySet, name: str, text: str) -> AuditEventQuerySet:
        return events.with_value("note", value__icontains=text)


_EXACT = ("processId", "documentId", "signerId", "creator", "clientAppName", "ipAddress")
_TYPES = {"type": "array", "items": {"type": "string", "enum": EventType.values}}
EVENT_PARAMETERS = [
    *(OpenApiParameter(name, str, description="Exact match.") for name in _EXACT),
    OpenApiParameter("eventType", _TYPES, description="Repeatable."),
    OpenApiParameter("createdFrom", OpenApiTypes.DATETIME, description="Events at or after this time."),
    OpenApiParameter("createdTo", OpenApiTypes.DATETIME, description="Events before this time."),
    OpenApiParameter("note", str, description="Part of the note, case-insensitive."),
    OpenApiParameter("after", OpenApiTypes.INT64, description="A cursor: 0, or the `next` of the previous response."),
]

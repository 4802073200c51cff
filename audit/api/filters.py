"""The filters of the trail."""

from datetime import datetime
from typing import Any

from django import forms
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from audit.models import AuditEvent
from config.api.fields import Moment
from config.api.lists.filters import ListFilter, WordsFilter
from config.vocabulary import EventType


class MomentField(forms.Field):
    def to_python(self, value: str | None) -> datetime | None:
        if not value:
            return None
        try:
            return Moment().to_internal_value(value)
        except serializers.ValidationError:
            raise forms.ValidationError("Write a moment like 2026-02-17T11:00:00Z.", code="not_a_moment") from None


class MomentFilter(filters.Filter):
    field_class = MomentField


class EventFilter(ListFilter):
    processId = filters.CharFilter(field_name="process_id")
    documentId = filters.CharFilter(field_name="document_id")
    signerId = filters.CharFilter(field_name="signer_id")
    eventType = WordsFilter(method="of_types", words=EventType.values)
    creator = filters.CharFilter(method="with_value")
    clientAppName = filters.CharFilter(field_name="client_app_name")
    ipAddress = filters.CharFilter(method="with_value")
    createdFrom = MomentFilter(field_name="created_at", lookup_expr="gte")
    createdTo = MomentFilter(field_name="created_at", lookup_expr="lt")
    note = filters.CharFilter(method="noting")

    class Meta:
        model = AuditEvent
        fields: list[str] = []

    def of_types(self, rows: Any, name: str, types: list[str]) -> Any:
        return rows.filter(event_type__in=types)

    def with_value(self, rows: Any, name: str, sought: str) -> Any:
        return rows.with_value(name, value=sought)

    def noting(self, rows: Any, name: str, sought: str) -> Any:
        return rows.with_value(name, value__icontains=sought)


PARAMETERS = [
    OpenApiParameter("processId", str, description="Exact, and so are all that are not described otherwise."),
    OpenApiParameter("documentId", str),
    OpenApiParameter("signerId", str),
    OpenApiParameter(
        "eventType",
        {"type": "array", "items": {"type": "string", "enum": EventType.values}},
        description="Repeatable.",
    ),
    OpenApiParameter("creator", str),
    OpenApiParameter("clientAppName", str),
    OpenApiParameter("ipAddress", str),
    OpenApiParameter("createdFrom", OpenApiTypes.DATETIME, description="Not before this moment."),
    OpenApiParameter("createdTo", OpenApiTypes.DATETIME, description="Before this moment."),
    OpenApiParameter("note", str, description="Part of the note, without case."),
    OpenApiParameter(
        "after",
        OpenApiTypes.INT64,
        description="A cursor: the events with higher numbers, oldest first; 0 is the beginning. The answer's `next` "
        "is the cursor to go on with: none is missed and none comes twice, whatever is written meanwhile.",
    ),
]

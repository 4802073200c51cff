"""Filters of the lists of processes and tasks. Searches look only where the caller may read (`readable_signers`)."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter

from config.access.actor import Actor
from config.api.lists.filters import DayFilter, FlagFilter, ListFilter, PersonalCodeFilter, WordsFilter
from config.personal_codes import with_code
from config.text import plain, spellings
from config.vocabulary import ProcessStatus
from signing.models import Process, ProcessQuerySet, Signer, managed_filter

# Dates beyond these would overflow in some time zone.
FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(9000, 1, 1)

Row = TypeVar("Row", bound=Model)


class SharedFilter(ListFilter):
    """The filters that both lists have. `process_prefix` is the lookup path from a row to its process."""

    process_prefix = ""

    createdDateAfter = DayFilter(method="filter_created_after")
    createdDateBefore = DayFilter(method="filter_created_before")
    processStatus = WordsFilter(method="filter_status", words=ProcessStatus.values)
    nameSearch = filters.CharFilter(method="filter_name")

    def filter_created_after(self, rows: QuerySet[Row], name: str, day: date) -> QuerySet[Row]:
        return rows.filter(created_at__gte=start_of(day))

    def filter_created_before(self, rows: QuerySet[Row], name: str, day: date) -> QuerySet[Row]:
        return rows.filter(created_at__lt=start_of(min(day, LAST_DAY) + timedelta(days=1)))

    def filter_status(self, rows: QuerySet[Row], name: str, statuses: list[str]) -> QuerySet[Row]:
        return rows.filter(**{f"{self.process_prefix}status__in": statuses})

    def filter_name(self, rows: QuerySet[Row], name: str, text: str) -> QuerySet[Row]:
        matching = Process.objects.matching(plain(text))
        return rows.filter(**{f"{self.process_prefix}id__in": matching.values("id")})


class ProcessFilter(SharedFilter):
    emailSearch = filters.CharFilter(method="filter_email")
    personalCode = PersonalCodeFilter(method="filter_personal_code")
    ownerGroup = filters.CharFilter(method="filter_owner_group")
    docType = filters.CharFilter(method="filter_document_type")

    class Meta:
        model = Process
        fields: list[str] = []

    def __init__(self, query: QueryDict, queryset: ProcessQuerySet, *, actor: Actor) -> None:
        super().__init__(query, queryset)
        self.actor = actor

    def filter_email(self, rows: ProcessQuerySet, name: str, text: str) -> ProcessQuerySet:
        part = plain(text)
        if not part:
            return rows.none()
        readable = Q(email_search__contains=part) & managed_filter(self.actor)
        if not self.actor.person:
            return rows.filter(readable)
        # A union of ids, so that each side uses its own index.
        own = Signer.objects.called(self.actor.person).filter(email_plain__contains=part)
        return rows.filter(id__in=Process.objects.filter(readable).values("id").union(own.values("process_id")))

    def filter_owner_group(self, rows: ProcessQuerySet, name: str, group: str) -> ProcessQuerySet:
        return rows.filter(owner_group__in=spellings(group))

    def filter_document_type(self, rows: ProcessQuerySet, name: str, document_type: str) -> ProcessQuerySet:
        return rows.filter(document_type__in=spellings(document_type))

    def filter_personal_code(self, rows: ProcessQuerySet, name: str, code: str) -> ProcessQuerySet:
        return with_personal_code(rows, code, self.actor)


class TaskFilter(SharedFilter):
    process_prefix = "process__"
    nonExpired = FlagFilter(method="filter_non_expired")

    class Meta:
        model = Signer
        fields: list[str] = []

    def __init__(self, query: QueryDict, queryset: QuerySet[Signer], *, at: datetime) -> None:
        super().__init__(query, queryset)
        self.at = at

    def filter_non_expired(self, rows: QuerySet[Signer], name: str, non_expired: bool) -> QuerySet[Signer]:
        if non_expired:
            return rows.exclude(step__due_at__lt=self.at)
        return rows


def with_personal_code(rows: ProcessQuerySet, code: str, actor: Actor) -> ProcessQuerySet:
    """Keep the processes with a signer of this personal code, in any country and any spelling."""
    matching = readable_signers(actor).filter(with_code(code)).exclude(code_key="")
    return rows.filter(id__in=matching.values("process_id"))


def readable_signers(actor: Actor) -> QuerySet[Signer]:
    """Return the signers whose code and email the caller may read. A search must not reveal what responses hide."""
    if actor.sees_everything:
        return Signer.objects.all()
    own = Q()
    if actor.person:
        own = Q(person_key=actor.person, called_at__isnull=False)
    managed = Process.objects.managed_by(actor)
    return Signer.objects.filter(Q(process__in=managed.values("id")) | own)


def start_of(day: date) -> datetime:
    """Return the time at which a day starts in the service's time zone."""
    zone = zoneinfo.ZoneInfo(settings.TIME_ZONE)
    within_range = min(max(day, FIRST_DAY), LAST_DAY + timedelta(days=1))
    return datetime.combine(within_range, time.min, zone).astimezone(UTC)


_STATUSES = ", ".join(ProcessStatus.values)
_NAME_SEARCH = "Part of the name of the document, the initiator or a signer. Case and diacritics are ignored."
_DAY_TYPE = {"type": "string", "format": "date"}

SHARED_PARAMETERS = [
    OpenApiParameter("createdDateAfter", _DAY_TYPE, description="Created on or after this day (service time zone)."),
    OpenApiParameter("createdDateBefore", _DAY_TYPE, description="Created on or before this day (service time zone)."),
    OpenApiParameter("processStatus", str, description=f"{_STATUSES}. Repeatable or comma-separated."),
    OpenApiParameter("nameSearch", str, description=_NAME_SEARCH),
]

PROCESS_PARAMETERS = [
    *SHARED_PARAMETERS,
    OpenApiParameter("emailSearch", str, description="Part of the initiator's or a signer's email address."),
    OpenApiParameter("personalCode", str, description="Personal code of a signer, with or without hyphens."),
    OpenApiParameter("ownerGroup", str, description="Owner group. Exact match."),
    OpenApiParameter("docType", str, description="Document type. Exact match."),
    OpenApiParameter("isAdmin", bool, description="true: everything (requires `administer`); false: own processes."),
]

TASK_PARAMETERS = [
    OpenApiParameter("personalCode", str, required=True, description="The person's personal code."),
    OpenApiParameter("country", str, required=True, description="The country of the personal code, for example LV."),
    OpenApiParameter("signerId", str, description="Only the tasks of this signer."),
    *SHARED_PARAMETERS,
    OpenApiParameter("nonExpired", bool, description="true: excludes tasks whose step is past its due date."),
]

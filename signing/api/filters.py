"""The filters of the process list. Searches look only where the caller may read: see `readable_signers`."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter

from config.access.actor import Actor
from config.api.lists.filters import DayFilter, FlagFilter, ListFilter, WordsFilter
from config.text import code_key, plain
from config.vocabulary import ProcessStatus
from signing.models import Process, ProcessQuerySet, Signer

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9000, 1, 1)


class Listed(ListFilter):
    """The filters that lists of processes and of tasks share; `within` is the way from a row to its process."""

    within = ""

    createdDateAfter = DayFilter(method="created_on_or_after")
    createdDateBefore = DayFilter(method="created_on_or_before")
    processStatus = WordsFilter(method="in_statuses", words=ProcessStatus.values)
    nameSearch = filters.CharFilter(method="named")

    def created_on_or_after(self, rows: Any, name: str, day: date) -> Any:
        return rows.filter(created_at__gte=start_of(day))

    def created_on_or_before(self, rows: Any, name: str, day: date) -> Any:
        return rows.filter(created_at__lt=start_of(min(day, LAST_DAY) + timedelta(days=1)))

    def in_statuses(self, rows: Any, name: str, statuses: list[str]) -> Any:
        return rows.filter(**{f"{self.within}status__in": statuses})

    def named(self, rows: Any, name: str, text: str) -> Any:
        return rows.filter(**{f"{self.within}id__in": Process.objects.matching(plain(text)).values("id")})


class ProcessFilter(Listed):
    emailSearch = filters.CharFilter(method="with_address")
    personalCode = filters.CharFilter(method="with_person")
    ownerGroup = filters.CharFilter(field_name="owner_group")
    docType = filters.CharFilter(field_name="document_type")

    class Meta:
        model = Process
        fields: list[str] = []

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def with_address(self, rows: ProcessQuerySet, name: str, text: str) -> ProcessQuerySet:
        part = plain(text)
        own = Q(initiator_email_plain__contains=part) & _managed(self.actor)
        return rows.either(own, readable_signers(self.actor).filter(email_plain__contains=part))

    def with_person(self, rows: ProcessQuerySet, name: str, code: str) -> ProcessQuerySet:
        return with_code(rows, code, self.actor)


class TaskFilter(Listed):
    within = "process__"
    nonExpired = FlagFilter(method="not_expired")

    class Meta:
        model = Signer
        fields: list[str] = []

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.at = at

    def not_expired(self, rows: Any, name: str, wanted: bool) -> Any:
        return rows.exclude(step__due_at__lt=self.at) if wanted else rows


def with_code(rows: ProcessQuerySet, code: str, actor: Actor) -> ProcessQuerySet:
    """Processes with a signer of this personal code, whatever the country and the spelling."""
    matching = readable_signers(actor).filter(code_key=code_key(code)).exclude(code_key="")
    return rows.filter(id__in=matching.values("process_id"))


def readable_signers(actor: Actor) -> QuerySet[Signer]:
    """Signers whose code and address this caller may read: a search must not tell what an answer hides."""
    if actor.sees_everything:
        return Signer.objects.all()
    own = Q(person_key=actor.person, called_at__isnull=False) if actor.person else Q()
    return Signer.objects.filter(Q(process__in=Process.objects.managed_by(actor).values("id")) | own)


def start_of(day: date) -> datetime:
    """The moment a day begins in the service's time zone."""
    zone = zoneinfo.ZoneInfo(settings.TIME_ZONE)
    return datetime.combine(min(max(day, FIRST_DAY), LAST_DAY + timedelta(days=1)), time.min, zone).astimezone(UTC)


def _managed(actor: Actor) -> Q:
    if actor.sees_everything:
        return Q()
    return Q(id__in=Process.objects.managed_by(actor).values("id"))


DAY = {"type": "string", "format": "date"}

SHARED_PARAMETERS = [
    OpenApiParameter("createdDateAfter", DAY, description="Created on this day or later, in the service's time zone."),
    OpenApiParameter("createdDateBefore", DAY, description="Created on this day or earlier."),
    OpenApiParameter("processStatus", str, description=f"{', '.join(ProcessStatus.values)}; repeated or with commas."),
    OpenApiParameter(
        "nameSearch",
        str,
        description="Part of the document's name, the initiator's name or code, or a signer's name; "
        "without case and diacritics.",
    ),
]

PARAMETERS = [
    *SHARED_PARAMETERS,
    OpenApiParameter("emailSearch", str, description="Part of the initiator's or a signer's address."),
    OpenApiParameter("personalCode", str, description="A signer's personal code, without case, spaces and hyphens."),
    OpenApiParameter("ownerGroup", str, description="Owner group, exactly."),
    OpenApiParameter("docType", str, description="Document type, exactly."),
    OpenApiParameter("isAdmin", bool, description="true needs the right 'administer'; false sees only one's own."),
]

TASK_PARAMETERS = [
    OpenApiParameter("personalCode", str, required=True, description="The person's code, however it is spelled."),
    OpenApiParameter("country", str, required=True, description="The country of the code, for example LV."),
    OpenApiParameter("signerId", str, description="This one signer only."),
    *SHARED_PARAMETERS,
    OpenApiParameter("nonExpired", bool, description="true leaves out tasks whose step's due date is past."),
]

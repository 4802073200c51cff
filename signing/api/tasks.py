"""A signer's tasks: the steps that a person was called to, each with what it may do now."""

import uuid

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit.log import Event, record
from config.access.actor import MissingRight
from config.api.lists.pages import PageRequest
from config.api.snapshots import snapshot
from config.api.views import ApiViewSet
from config.errors import Fault, Invalid
from config.text import person_key
from config.vocabulary import EventType, Right
from signing import represent
from signing.api import schema
from signing.api.filters import TaskFilter
from signing.models import Signer

SORTS = {
    "createdAt": "created_at",
    "completedAt": "process__completed_at",
    "documentName": "process__document_name",
    "status": "process__status",
    "dueDate": "step__due_at",
}


class SignerTaskViewSet(ApiViewSet):
    @extend_schema(**schema.TASKS)
    @snapshot
    def list(self, request: Request) -> Response:
        person = self._person()
        page = PageRequest.of(request.GET, sorts=SORTS, default="createdAt,desc")
        rows = TaskFilter(request.GET, queryset=self._called(person), at=self.now).rows()
        asked = {"signerCountry": request.GET["country"], "signerPersonalCode": request.GET["personalCode"]}
        record([Event(EventType.PROCESS_GETALL, after=asked)], actor=self.actor, at=self.now)
        found = list(page.rows_of(rows.select_related("process", "step")))
        if request.GET.get("signerId"):
            record([_opened(signer) for signer in found], actor=self.actor, at=self.now)
        content = represent.tasks(found, person=person, at=self.now)
        return Response(page.answer(content, total=rows.count()))

    def _person(self) -> str:
        """Whose tasks are asked for; the caller must be that person, or act on behalf."""
        asked = {name: self.request.GET.get(name) or "" for name in ("personalCode", "country")}
        faults = [
            Fault(f"'{name}' is needed: country and code name the person.", code="required", parameter=name)
            for name, value in asked.items()
            if not value
        ]
        person = person_key(asked["country"], asked["personalCode"])
        if not person and not faults:
            faults = [Fault("This is no personal code.", code="invalid", parameter="personalCode")]
        if faults:
            raise Invalid(faults=faults)
        if person != self.actor.person and not self.actor.acts_for_others:
            raise MissingRight(Right.ON_BEHALF, "Reading somebody else's tasks")
        return person

    def _called(self, person: str) -> QuerySet[Signer]:
        rows = Signer.objects.called(person)
        if asked := self.request.GET.get("signerId"):
            try:
                rows = rows.filter(id=uuid.UUID(asked))
            except ValueError:
                fault = Fault("This is no signer's id.", code="invalid", parameter="signerId")
                raise Invalid(faults=[fault]) from None
        return rows


def _opened(signer: Signer) -> Event:
    """Who asks for one task has opened it."""
    process = signer.process
    return Event(EventType.PROCESS_OPENED, process.id, document_id=process.document_id, signer_id=signer.id)

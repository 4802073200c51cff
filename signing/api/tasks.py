"""The tasks of one person, for portals and for the person."""

import uuid
from collections.abc import Sequence

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from audit.log import Event
from audit.reads import record_read
from config.access.actor import MissingRight
from config.api.lists.pages import PageRequest
from config.api.renderers import json_response
from config.api.schema import documented
from config.api.snapshots import consistent
from config.api.views import ApiViewSet
from config.api_values import is_id
from config.errors import Fault, Invalid
from config.personal_codes import NOT_A_DIGIT, has_other_digits, person_key
from config.vocabulary import EventType, Right
from signing.api import schema
from signing.api.filters import TaskFilter
from signing.api.pages import TASK_SORTS
from signing.models import Signer
from signing.reading import TASK_COLUMNS, read_tasks
from signing.represent import Columns


class SignerTaskViewSet(ApiViewSet):
    @documented(
        "listSignerTasks",
        schema.TASK_PAGE,
        tag="signers",
        refusals=(400, 401, 403),
        parameters=schema.TASK_LIST_PARAMETERS,
    )
    @consistent
    def list(self, request: Request) -> HttpResponse:
        """List a person's tasks.

        The steps in which it is or was this person's turn, newest first. Steps that have not started are not shown. The
        caller must be this person or have the right `on_behalf`.
        """
        person = self._person()
        page = PageRequest.of(request.GET, sorts=TASK_SORTS, default="createdAt,desc")
        rows = TaskFilter(request.GET, queryset=self._rows_of(person), at=self.now).rows()
        found = page.read(rows.values(*TASK_COLUMNS))
        # Each task contains its process, also if the page has several tasks of one process.
        content = read_tasks(found.rows, person=person, at=self.now)
        self._record_read(found.rows)
        return json_response(page.answer_with_cursor(content, found))

    def _person(self) -> str:
        """Return the person whose tasks are requested. The caller must be that person or act on behalf."""
        country = self.request.GET.get("country") or ""
        personal_code = self.request.GET.get("personalCode") or ""
        person = person_key(country, personal_code)
        faults = []
        for name, value in (("personalCode", personal_code), ("country", country)):
            if not value:
                detail = f"'{name}' is required: country and personal code identify the person."
                faults.append(Fault(detail, code="required", parameter=name))
        if not faults and not person:
            detail = "'personalCode' must contain letters or digits."
            faults.append(Fault(detail, code="invalid", parameter="personalCode"))
        if has_other_digits(personal_code):
            faults.append(Fault(NOT_A_DIGIT, code="not_a_digit", parameter="personalCode"))
        if faults:
            raise Invalid(faults=faults)
        if person != self.actor.person and not self.actor.acts_for_others:
            raise MissingRight(Right.ON_BEHALF, "Reading another person's tasks")
        return person

    def _rows_of(self, person: str) -> QuerySet[Signer]:
        rows = Signer.objects.called(person)
        signer_id = self.request.GET.get("signerId")
        if not signer_id:
            return rows
        if not is_id(signer_id):
            raise Invalid(faults=[Fault("'signerId' must be the ID of a signer.", parameter="signerId")])
        return rows.filter(id=uuid.UUID(signer_id))

    def _record_read(self, rows: Sequence[Columns]) -> None:
        """Record that the list was read, and that a single requested task was opened."""
        query = self.request.GET
        person = {"signerCountry": query["country"], "signerPersonalCode": query["personalCode"]}
        events = [Event(EventType.PROCESS_GETALL, after=person)]
        if query.get("signerId"):
            events += [_opened(row) for row in rows]
        record_read(events, actor=self.actor, at=self.now)


def _opened(row: Columns) -> Event:
    document_id = row["process__document_id"]
    return Event(EventType.PROCESS_OPENED, row["process__id"], document_id=document_id, signer_id=row["id"])

"""A test mail of a process that a body describes, sent to the caller."""

from typing import Any

from django.db.models import TextChoices
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.access.models import User
from config.api.idempotency import idempotent
from config.api.limits import count_test_email
from config.errors import Fault, Invalid
from config.vocabulary import EventType, Role
from notifications.sample_email import send_trial
from signing.actions.build import add_step
from signing.actions.run import Run
from signing.api import schema
from signing.api.views import SigningViewSet
from signing.models import Process
from signing.sample_email import example
from signing.serializers import ProcessSerializer


class TestEmailViewSet(SigningViewSet):
    @extend_schema(**schema.TEST_EMAIL)
    @idempotent
    def create(self, request: Request) -> Response:
        event, role = EventType(self._word("eventType", EventType)), Role(self._word("role", Role))
        run = self._described(self.body(ProcessSerializer))
        to = self._addressee(run.process)
        count_test_email(self.actor.client)
        draft = example(event, role, run.process, run.steps, run.signers, at=self.now)
        trial = send_trial(draft, to=to, at=self.now)
        names = ("sent", "subject", "addressee", "language", "template", "reason")
        return Response({name: getattr(trial, name) for name in names})

    def _word(self, name: str, vocabulary: type[TextChoices]) -> str:
        asked = self.request.GET.get(name) or ""
        if asked not in vocabulary.values:
            detail = f"'{name}' is one of: {', '.join(vocabulary.values)}."
            raise Invalid(faults=[Fault(detail, code="invalid_choice", parameter=name)])
        return asked

    def _described(self, body: dict[str, Any]) -> Run:
        """The process of the body, which is not kept: it may lack whatever a draft may, and more."""
        known = {field.name for field in Process._meta.get_fields()}
        columns = {column: value for column, value in body.items() if column in known - {"steps", "status"}}
        columns.setdefault("initiator", self.actor.subject)
        run = Run(Process(created_at=self.now, **columns), [], [], actor=self.actor, at=self.now)
        for place, step in enumerate(body.get("steps") or []):
            rows = [{**row, "status": None} for row in step.get("signers", [])]
            add_step(run, {**step, "signers": rows}, place=place)
        return run

    def _addressee(self, process: Process) -> str:
        """The caller's own address; or the initiator's, for one who may act for anybody."""
        if process.initiator_email and self.actor.acts_for_others:
            return process.initiator_email
        own = self.request.user.email if isinstance(self.request.user, User) else ""
        if not own:
            detail = (
                "There is nobody to send it to: your user has no address, and processInitiatorEmail is for those with "
                "the right 'on_behalf'."
            )
            raise Invalid(faults=[Fault(detail, code="no_addressee", pointer="#/processInitiatorEmail")])
        return own

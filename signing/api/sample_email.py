"""Sends a test email for a process that the request body describes."""

from dataclasses import asdict

from django.db.models import TextChoices
from rest_framework.request import Request
from rest_framework.response import Response

from config.access.models import User
from config.api.idempotency import idempotent
from config.api.limits import count_test_email
from config.api.schema import documented
from config.api_values import Body
from config.errors import Fault, Invalid
from config.vocabulary import EventType, Role
from notifications.sample_email import send_test_email
from signing.actions.build import add_step
from signing.actions.rows import ProcessRows
from signing.api import schema
from signing.api.views import SigningViewSet
from signing.models import Process
from signing.sample_email import draft_of_event
from signing.serializers import ProcessSerializer


class TestEmailViewSet(SigningViewSet):
    @documented(
        "sendTestMail",
        schema.TEST_EMAIL,
        tag="notifications",
        refusals=(400, 401, 403, 413),
        parameters=schema.TEST_EMAIL_PARAMETERS,
        request=ProcessSerializer,
        examples=[schema.TWO_STEPS],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Send a test email.

        Renders the email of an event for the process in the request body, as its first signer of that role would get
        it, and sends it to the caller's own address. With the right `on_behalf`, it is sent to
        `processInitiatorEmail`. Links are masked. The process is not stored. By default, the limit is 100 test
        emails per client and hour.
        """
        event = EventType(self._parameter("eventType", EventType))
        role = Role(self._parameter("role", Role))
        rows = self._rows(self.body(ProcessSerializer))
        recipient = self._recipient(rows.process)
        count_test_email(self.actor.client)
        draft = draft_of_event(event, role, rows.process, rows.steps, rows.signers, at=self.now)
        return Response(asdict(send_test_email(draft, to=recipient, actor=self.actor, at=self.now)))

    def _parameter(self, name: str, vocabulary: type[TextChoices]) -> str:
        value = self.request.GET.get(name) or ""
        if value not in vocabulary.values:
            detail = f"'{name}' must be one of: {', '.join(vocabulary.values)}."
            raise Invalid(faults=[Fault(detail, code="invalid_choice", parameter=name)])
        return value

    def _rows(self, body: Body) -> ProcessRows:
        """Build the process of the body without writing it. It may be as incomplete as a draft."""
        columns = {field.name for field in Process._meta.concrete_fields} - {"status"}
        values = {column: value for column, value in body.items() if column in columns}
        values.setdefault("initiator", self.actor.subject)
        rows = ProcessRows(Process(created_at=self.now, **values), [], [])
        for index, step in enumerate(body.get("steps") or []):
            signers = [{**signer, "status": None} for signer in step.get("signers", [])]
            add_step(rows, {**step, "signers": signers}, index=index, faults=[])
        return rows

    def _recipient(self, process: Process) -> str:
        """Return the caller's own address; the initiator's, if the caller may act for others."""
        if process.initiator_email and self.actor.acts_for_others:
            return process.initiator_email
        user = self.request.user
        if isinstance(user, User) and user.email:
            return user.email
        detail = (
            "Your account must have an email address; sending to processInitiatorEmail requires the right 'on_behalf'."
        )
        raise Invalid(faults=[Fault(detail, code="no_addressee", pointer="#/processInitiatorEmail")])

"""Creates a draft process from a template, whose data is read as the body of a process."""

import zoneinfo
from datetime import UTC, datetime, timedelta

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from config.access.actor import Actor
from config.api import conditional
from config.api.idempotency import idempotent
from config.api.parsers import NotJson, read_json
from config.api.problems import flatten_errors
from config.api.schema import documented, location
from config.api.views import parse_id
from config.api_values import Body
from config.errors import DomainError, Fault, Invalid, NotFound
from config.vocabulary import ProcessStatus
from signing import actions
from signing.actions import ProcessRows
from signing.api import schema
from signing.api.views import SigningViewSet
from signing.serializers import OverridesSerializer, TemplateDataSerializer
from templates_app.models import Template

# A template does not decide these.
_IGNORED_COLUMNS = ("initiator", "canceled", "status")


class TemplateDoesNotFit(DomainError):
    """The template's data is not a valid draft process; the faults point into the data."""

    code = "template_does_not_fit"
    status = 400
    detail = "The template's data must be a valid process. The pointers in `errors` refer to the data."


class TemplateProcessViewSet(SigningViewSet):
    @documented(
        "createProcessOfTemplate",
        schema.PROCESS,
        tag="templates",
        refusals=(400, 401, 403, 404, 412),
        success=201,
        versioned=True,
        parameters=[location("process")],
        request=OverridesSerializer,
        examples=[schema.OVERRIDES],
    )
    @idempotent
    def create(self, request: Request, id: str) -> Response:
        """Create a draft process from a template.

        The template's `data` is read as a SigningProcess body, in which a step may have `dueInDays` instead of a
        `dueDate`. The fields of this request replace those of the template. The process is always a draft. If the data
        is not a valid process, `errors` lists every problem and nothing is created.
        """
        template = Template.objects.visible_to(self.actor).filter(id=parse_id(id)).first()
        if template is None:
            raise NotFound
        conditional.require(template.version, self.expected)
        rows = create_from_template(template, self.body(OverridesSerializer), actor=self.actor, at=self.now)
        return self.created_response(rows)


def create_from_template(template: Template, overrides: Body, *, actor: Actor, at: datetime) -> ProcessRows:
    """Create a draft process from a template's data; the overrides take precedence.

    Raises `TemplateDoesNotFit` with every problem.
    """
    columns = {column: value for column, value in overrides.items() if value is not None}
    start_at = columns.pop("start_at", at)
    data = _validated_data(template)
    for column in _IGNORED_COLUMNS:
        data.pop(column, None)
    steps = [_with_due_date(step, start_at) for step in data.get("steps", [])]
    body = {**data, **columns, "steps": steps, "status": ProcessStatus.PENDING}
    try:
        return actions.create(body, actor=actor, at=at)
    except Invalid as refusal:
        raise TemplateDoesNotFit(faults=refusal.faults) from None


def _validated_data(template: Template) -> Body:
    try:
        data = read_json((template.data or "").encode())
    except NotJson as refusal:
        raise TemplateDoesNotFit(faults=[Fault(str(refusal), code="not_json", pointer="#")]) from None
    if not isinstance(data, dict):
        raise TemplateDoesNotFit(faults=[Fault("The data must be a JSON object.", code="no_object", pointer="#")])
    serializer = TemplateDataSerializer(data=data)
    if not serializer.is_valid():
        raise TemplateDoesNotFit(faults=tuple(flatten_errors(serializer.errors)))
    return dict(serializer.validated_data)


def _with_due_date(step: Body, start_at: datetime) -> Body:
    """Return the step with its due date: whole days later, at the same local time in the service's time zone."""
    days = step.get("due_in_days")
    if days is None:
        return step
    zone = zoneinfo.ZoneInfo(settings.TIME_ZONE)
    try:
        due_at = (start_at.astimezone(zone) + timedelta(days=days)).astimezone(UTC)
    except OverflowError:
        detail = "startAt must be earlier; the due dates would be beyond the last possible date."
        raise Invalid(faults=[Fault(detail, code="overflow", pointer="#/startAt")]) from None
    return {**step, "due_at": due_at}

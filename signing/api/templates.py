"""A process made of a template: its data is read as a process's body, and becomes a draft."""

import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.access.actor import Actor
from config.api import conditional
from config.api.idempotency import idempotent
from config.api.parsers import NotJson, read_json
from config.api.problems import faults_of
from config.errors import DomainError, Fault, Invalid, NotFound
from config.vocabulary import ProcessStatus
from signing import actions
from signing.actions import Run
from signing.api import schema
from signing.api.views import SigningViewSet, parse_id
from signing.serializers import PlanSerializer, WishesSerializer
from templates_app.models import Template

_NOT_OF_THE_PLAN = ("initiator", "canceled", "status")


class TemplateDoesNotFit(DomainError):
    """The template's data is no process's body, or one that cannot be a draft; the faults say where in the data."""

    code = "template_does_not_fit"
    status = 400
    detail = "No process can be made of this template: its data does not fit. Pointers in errors lead into the data."


class TemplateProcessViewSet(SigningViewSet):
    @extend_schema(**schema.CREATE_OF_TEMPLATE)
    @idempotent
    def create(self, request: Request, id: str) -> Response:
        template = Template.objects.visible_to(self.actor).filter(id=parse_id(id)).first()
        if template is None:
            raise NotFound
        conditional.require(template.version, self.expected)
        run = draft_of(template, self.body(WishesSerializer), actor=self.actor, at=self.now)
        location = request.build_absolute_uri(reverse("process", args=[run.process.id]))
        return self.answer(run, status=201, Location=location)


def draft_of(template: Template, wishes: dict[str, Any], *, actor: Actor, at: datetime) -> Run:
    """A draft process of the template's data and what is wished instead.

    `TemplateDoesNotFit` lists what stands against it.
    """
    said = {column: value for column, value in wishes.items() if value is not None}
    start = said.pop("start_at", at)
    plan = {column: value for column, value in _plan(template).items() if column not in _NOT_OF_THE_PLAN}
    steps = [_due(step, start) for step in plan.get("steps", [])]
    try:
        body = {**plan, **said, "steps": steps, "status": ProcessStatus.PENDING}
        return actions.create(body, actor=actor, at=at)
    except Invalid as refusal:
        raise TemplateDoesNotFit(faults=refusal.faults) from None


def _plan(template: Template) -> dict[str, Any]:
    try:
        told = read_json((template.data or "").encode())
    except NotJson as refusal:
        raise TemplateDoesNotFit(faults=[Fault(str(refusal), code="not_json", pointer="#")]) from None
    if not isinstance(told, dict):
        raise TemplateDoesNotFit(faults=[Fault("This is no JSON object.", code="no_object", pointer="#")])
    serializer = PlanSerializer(data=told)
    if not serializer.is_valid():
        raise TemplateDoesNotFit(faults=tuple(faults_of(serializer.errors)))
    return dict(serializer.validated_data)


def _due(step: dict[str, Any], start: datetime) -> dict[str, Any]:
    """The step with its due date: whole days later by the calendar and the clock of the service's zone."""
    days = step.get("due_in_days")
    if days is None:
        return step
    zone = zoneinfo.ZoneInfo(settings.TIME_ZONE)
    try:
        return {**step, "due_at": (start.astimezone(zone) + timedelta(days=days)).astimezone(UTC)}
    except OverflowError:
        fault = Fault("So late that the due dates fall beyond the calendar.", code="overflow", pointer="#/startAt")
        raise Invalid(faults=[fault]) from None

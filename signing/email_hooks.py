"""What `notifications` asks about signing processes when it renders and sends messages (`notifications.hooks`)."""

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.conf import settings

from config.api_values import value
from config.vocabulary import EventType, ProcessStatus, Role, SignerStatus, StepStatus
from notifications.models import Message
from signing.messages import TASK_EMAILS
from signing.models import Signer, Step
from signing.sample_email import sample_draft

__all__ = ["sample_draft", "signer_link", "still_due", "watchers"]


def signer_link(signer_id: uuid.UUID) -> str:
    """The signer's own address in the portal, made when a mail is sent."""
    return settings.PORTAL_URL.replace("{signerId}", str(signer_id))


def still_due(messages: Iterable[Message], *, at: datetime) -> set[int]:
    """The ids of those messages that make sense at that moment. At most two queries, however many.

    A call or reminder does only while it is that signer's turn, a notice that a step is overdue while it is, and both
    only for the due date that they speak of. What was to remind of a date that has passed since says nothing any more.
    """
    asked = list(messages)
    ids = {message.signer_id for message in asked if message.event in TASK_EMAILS and message.signer_id}
    turn = Signer.objects.filter(id__in=ids, status=SignerStatus.STARTED) if ids else Signer.objects.none()
    stopped = [ProcessStatus.CANCELED, ProcessStatus.DECLINED]
    turns = dict(turn.exclude(process__status__in=stopped).values_list("id", "step__due_at"))
    overdue = _overdue({message.process_id for message in asked if _is_overdue_notice(message)} - {None})

    def makes_sense(message: Message) -> bool:
        if _is_overdue_notice(message):
            return (message.process_id, message.context.get("dueDate")) in overdue
        if message.signer_id not in ids:
            return True
        if message.signer_id not in turns or message.event != EventType.REMINDER:
            return message.signer_id in turns
        due_at = turns[message.signer_id]
        passed = due_at is not None and message.queued_at < due_at <= at
        return message.context.get("dueDate") == value(due_at) and not passed

    return {message.pk for message in asked if makes_sense(message)}


def _is_overdue_notice(message: Message) -> bool:
    return message.event == EventType.REMINDER and message.role == Role.INITIATOR and message.process_id is not None


def _overdue(processes: Collection[uuid.UUID | None]) -> set[tuple[uuid.UUID | None, Any]]:
    """The due dates of the steps that run in these processes."""
    if not processes:
        return set()
    running = Step.objects.filter(
        process__in=processes, status=StepStatus.STARTED, process__status=ProcessStatus.STARTED
    )
    return {(process, value(due_at)) for process, due_at in running.values_list("process_id", "due_at")}


def watchers(process_id: uuid.UUID | None) -> list[str]:
    """The addresses of a process's ADMINISTRATOR rows, who hear of failures."""
    if process_id is None:
        return []
    rows = Signer.objects.filter(process_id=process_id, role=Role.ADMINISTRATOR, notification=True)
    return [address for address in rows.values_list("email", flat=True) if address]

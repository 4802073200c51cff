"""What `notifications` asks about signing processes while it renders and sends messages (see `notifications.hooks`)."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.conf import settings

from config.api_values import value
from config.vocabulary import EventType, ProcessStatus, Role, SignerStatus, StepStatus
from notifications.models import Message
from signing.messages import TASK_EMAILS
from signing.models import Signer, Step
from signing.sample_email import sample_draft

__all__ = ["sample_draft", "signer_link", "still_due", "watchers"]

_STOPPED = [ProcessStatus.CANCELED, ProcessStatus.DECLINED]


def signer_link(signer_id: uuid.UUID) -> str:
    """Return the signer's own URL in the portal."""
    return settings.PORTAL_URL.replace("{signerId}", str(signer_id))


def still_due(messages: Iterable[Message], *, at: datetime) -> set[int]:
    """Return the ids of the messages that still make sense at this time. At most two queries.

    An email that asks a signer to act makes sense while it is this signer's turn. A reminder and an overdue notice
    also mention a due date, and make sense as long as the step still has that date.
    """
    candidates = list(messages)
    overdue_notices = {message for message in candidates if _is_overdue_notice(message)}
    task_emails = {message for message in candidates if message.event in TASK_EMAILS and message.signer_id}
    due_dates = _due_dates_of_open_tasks(message.signer_id for message in task_emails)
    running_steps = _due_dates_of_running_steps({message.process_id for message in overdue_notices})

    due = set()
    for message in candidates:
        if message in overdue_notices:
            is_due = (message.process_id, message.context.get("dueDate")) in running_steps
        elif message in task_emails:
            is_due = message.signer_id in due_dates
            if is_due and message.event == EventType.REMINDER:
                is_due = _reminder_still_due(message, due_dates[message.signer_id], at)
        else:
            is_due = True
        if is_due:
            due.add(message.pk)
    return due


def watchers(process_id: uuid.UUID | None) -> list[str]:
    """Return the addresses of the process's ADMINISTRATOR signers, who are notified of failures."""
    if process_id is None:
        return []
    rows = Signer.objects.filter(process_id=process_id, role=Role.ADMINISTRATOR, notification=True)
    return [address for address in rows.values_list("email", flat=True) if address]


def _is_overdue_notice(message: Message) -> bool:
    return message.event == EventType.REMINDER and message.role == Role.INITIATOR and message.process_id is not None


def _reminder_still_due(message: Message, due_at: datetime | None, at: datetime) -> bool:
    if message.context.get("dueDate") != value(due_at):
        return False
    # A reminder of a date that has passed while the message was waiting is not sent.
    return due_at is None or not message.queued_at < due_at <= at


def _due_dates_of_open_tasks(signer_ids: Iterable[uuid.UUID | None]) -> Mapping[uuid.UUID | None, datetime | None]:
    """The due dates of the steps of these signers, if it is their turn."""
    ids = {signer_id for signer_id in signer_ids if signer_id is not None}
    if not ids:
        return {}
    rows = Signer.objects.filter(id__in=ids, status=SignerStatus.STARTED).exclude(process__status__in=_STOPPED)
    return dict(rows.values_list("id", "step__due_at"))


def _due_dates_of_running_steps(process_ids: Collection[uuid.UUID | None]) -> set[tuple[uuid.UUID, str]]:
    """The due dates of the steps that run in these processes, as messages hold them."""
    if not process_ids:
        return set()
    steps = Step.objects.filter(
        process__in=process_ids, status=StepStatus.STARTED, process__status=ProcessStatus.STARTED
    )
    return {(process_id, value(due_at)) for process_id, due_at in steps.values_list("process_id", "due_at")}

"""The email that a process would send for an event, whether or not the event has happened: for previews and tests."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from config.api_values import JsonObject
from config.vocabulary import EventType, Role
from notifications.drafts import Draft
from signing import flow
from signing.messages import EMAIL_ROLE, Occasion, context, to_signer
from signing.models import Process, Signer, Step


def draft_of_event(
    event: EventType, role: Role, process: Process, steps: Sequence[Step], signers: Sequence[Signer], *, at: datetime
) -> Draft:
    """Return the message of this event to the first signer of this role, or without a recipient if there is none."""
    actor = _first_who_could_cause(event, signers)
    recipient = None
    if role != Role.INITIATOR:
        recipient = _first_with_role(signers, role)
    occasion = Occasion(
        event,
        process,
        signers,
        at,
        signer=actor or recipient,
        step=_step_of(recipient, steps),
        reason=actor.comment if actor else None,
    )
    if recipient is not None:
        return to_signer(occasion, recipient)
    return Draft(
        key="",
        event=event,
        role=role,
        address=process.initiator_email or "",
        name=process.initiator_name or "",
        owner_group=process.owner_group,
        context=_context_without_recipient(occasion, role),
    )


def sample_draft(process_id: uuid.UUID, event: EventType, role: Role) -> Draft | None:
    """Return the message of this event for a stored process; None if the process does not exist."""
    process = Process.objects.filter(pk=process_id).first()
    if process is None:
        return None
    steps = list(process.steps.order_by("process_order"))
    signers = list(process.signers.order_by("step__process_order", "position", "id"))
    return draft_of_event(event, role, process, steps, signers, at=timezone.now())


def _context_without_recipient(occasion: Occasion, role: Role) -> JsonObject:
    name = None
    if role == Role.INITIATOR:
        name = occasion.process.initiator_name
    values = context(occasion, name=name)
    if occasion.event == EventType.REMINDER:
        waiting = ", ".join(str(signer) for signer in occasion.signers)
        values |= {"tasks": [], "waiting": waiting}
    if occasion.event == EventType.FAILURE:
        values["failure"] = {"event": EventType.TASK_STARTED, "role": Role.SIGNER}
    return values


def _step_of(signer: Signer | None, steps: Sequence[Step]) -> Step | None:
    """The signer's step, or the first step."""
    for step in steps:
        if signer is not None and step.id == signer.step_id:
            return step
    return steps[0] if steps else None


def _first_with_role(signers: Sequence[Signer], role: Role) -> Signer | None:
    for signer in signers:
        if EMAIL_ROLE.get(Role(signer.role)) == role:
            return signer
    return None


def _first_who_could_cause(event: EventType, signers: Sequence[Signer]) -> Signer | None:
    """The first signer whose act is this event."""
    roles = {role for (role, _), act_event in flow.ACT_EVENTS.items() if act_event == event}
    for signer in signers:
        if signer.role in roles:
            return signer
    return None

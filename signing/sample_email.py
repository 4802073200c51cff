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
    # The signer whose act is this event, and the recipient.
    acting_roles = {acting for (acting, _), act_event in flow.ACT_EVENTS.items() if act_event == event}
    actor = next((signer for signer in signers if signer.role in acting_roles), None)
    recipient = next((signer for signer in signers if EMAIL_ROLE.get(Role(signer.role)) == role), None)

    # The recipient's step, or the first one.
    step_id = recipient.step_id if recipient else None
    step = next((step for step in steps if step.id == step_id), next(iter(steps), None))
    reason = actor.comment if actor else None
    occasion = Occasion(event, process, signers, at, signer=actor or recipient, step=step, reason=reason)
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

"""What would be written about an event in a process, whether it has happened or not: for test mails and previews."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from config.vocabulary import EventType, Role
from notifications.drafts import Draft
from signing.messages import EMAIL_ROLE, Occasion, context, to_signer
from signing.models import Process, Signer, Step

_WHO_DID = {
    EventType.SIGNER_SIGNED: Role.SIGNER,
    EventType.SIGNER_DECLINED: Role.SIGNER,
    EventType.APPROVER_APPROVED: Role.APPROVER,
    EventType.APPROVER_DECLINED: Role.APPROVER,
}


def example(
    event: EventType, role: Role, process: Process, steps: Sequence[Step], signers: Sequence[Signer], *, at: datetime
) -> Draft:
    """The message of this event to the first of this role; to nobody by name where the process has none."""
    did = _first(signers, _WHO_DID[event]) if event in _WHO_DID else None
    to = None if role == Role.INITIATOR else _first(signers, role)
    step = next((step for step in steps if to is not None and step.id == to.step_id), steps[0] if steps else None)
    occasion = Occasion(event, process, signers, at, signer=did or to, step=step, reason=did.comment if did else None)
    if to is not None:
        return to_signer(occasion, to)
    return Draft(
        key="",
        event=event,
        role=role,
        address=process.initiator_email or "",
        name=process.initiator_name or "",
        owner_group=process.owner_group,
        context=_context(occasion, role),
    )


def sample_draft(process_id: uuid.UUID, event: EventType, role: Role) -> Draft | None:
    """The example of a stored process; None if there is no such process."""
    process = Process.objects.filter(pk=process_id).first()
    if process is None:
        return None
    steps = list(process.steps.order_by("process_order"))
    signers = list(process.signers.order_by("step__process_order", "position", "id"))
    return example(event, role, process, steps, signers, at=timezone.now())


def _context(occasion: Occasion, role: Role) -> dict[str, object]:
    said = context(occasion, name=occasion.process.initiator_name if role == Role.INITIATOR else None)
    if occasion.event == EventType.REMINDER:
        said |= {"tasks": [], "waiting": ", ".join(str(signer) for signer in occasion.signers)}
    if occasion.event == EventType.FAILURE:
        said["failure"] = {"event": EventType.TASK_STARTED, "role": Role.SIGNER}
    return said


def _first(signers: Sequence[Signer], role: Role) -> Signer | None:
    return next((signer for signer in signers if EMAIL_ROLE.get(Role(signer.role)) == role), None)

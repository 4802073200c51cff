"""The pairs of event and role that mail can be written for."""

from config.vocabulary import EventType, Role

MAIL_EVENTS = (
    EventType.PROCESS_STARTED,
    EventType.TASK_STARTED,
    EventType.REMINDER,
    EventType.SIGNER_SIGNED,
    EventType.APPROVER_APPROVED,
    EventType.SIGNER_DECLINED,
    EventType.APPROVER_DECLINED,
    EventType.PROCESS_CANCELED,
    EventType.PROCESS_COMPLETED,
)
ROLES = (Role.INITIATOR, Role.SIGNER, Role.APPROVER, Role.VIEWER)
OFFERED: tuple[tuple[EventType, Role], ...] = (
    *((e, r) for e in MAIL_EVENTS for r in ROLES if (e, r) != (EventType.REMINDER, Role.VIEWER)),
    (EventType.FAILURE, Role.ADMINISTRATOR),
)
"""Nobody is reminded to look, and failures are for administrators."""

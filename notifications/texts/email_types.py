"""The pairs of event and role for which an email can be written."""

from collections.abc import Iterator

from config.vocabulary import EventType, Role

_EVENTS = (
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
_ROLES = (Role.INITIATOR, Role.SIGNER, Role.APPROVER, Role.VIEWER)


def _email_types() -> Iterator[tuple[EventType, Role]]:
    for event in _EVENTS:
        for role in _ROLES:
            # Viewers have nothing to be reminded of.
            if (event, role) != (EventType.REMINDER, Role.VIEWER):
                yield event, role
    yield EventType.FAILURE, Role.ADMINISTRATOR
    yield EventType.AUTH_COMPLETED, Role.ADMINISTRATOR


EMAIL_TYPES = tuple(_email_types())

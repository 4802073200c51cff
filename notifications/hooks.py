"""What delivery asks about the processes behind its messages.

`notifications` is below `signing` and cannot import it. `signing` registers its functions in `SigningConfig.ready()`.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from config.vocabulary import EventType, Role
from notifications.drafts import Draft
from notifications.models import Message


class ProcessHooks(Protocol):
    """The functions that the app with the processes provides; `signing.email_hooks` does."""

    def signer_link(self, signer_id: uuid.UUID) -> str:
        """The signer's own URL in the portal."""
        ...

    def still_due(self, messages: Iterable[Message], *, at: datetime) -> set[int]:
        """The ids of the messages that still make sense at this time."""
        ...

    def watchers(self, process_id: uuid.UUID | None) -> list[str]:
        """The email addresses that are notified of failures in this process."""
        ...

    def sample_draft(self, process_id: uuid.UUID, event: EventType, role: Role) -> Draft | None:
        """A draft of this event in a stored process, for previews; None if the process does not exist."""
        ...


_registered: list[ProcessHooks] = []


def register(hooks: ProcessHooks) -> None:
    """Use these functions from now on."""
    _registered[:] = [hooks]


def process_hooks() -> ProcessHooks:
    """The registered functions."""
    return _registered[0]

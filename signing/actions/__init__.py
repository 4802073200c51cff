"""What can be done to a process. Each action is one transaction: lock, ask `flow`, write, record, notify.

Every action takes the caller (`actor`), the time (`at`) and, where the API has `If-Match`, the entity tags of which
one must be current (`expected`). A `DomainError` means that nothing has changed.
"""

from signing.actions.act import act
from signing.actions.hold import hold
from signing.actions.lifecycle import cancel, create, delete, start
from signing.actions.remind import Reminded, remind
from signing.actions.replace import replace, replace_step
from signing.actions.rows import ProcessRows

__all__ = [
    "ProcessRows",
    "Reminded",
    "act",
    "cancel",
    "create",
    "delete",
    "hold",
    "remind",
    "replace",
    "replace_step",
    "start",
]

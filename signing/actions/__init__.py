"""What can be done to a process. Each action is one transaction: lock, ask `flow`, write, record, tell.

Every action takes the caller (`actor`), the moment (`at`) and, where the wire has `If-Match`, the
entity tags of which one must be current (`expected`). A `DomainError` means that nothing changed.
"""

from signing.actions.hold import hold
from signing.actions.lifecycle import cancel, create, delete, start
from signing.actions.remind import Reminded, remind
from signing.actions.report import act
from signing.actions.run import Run
from signing.actions.update import replace, replace_step

__all__ = [
    "Reminded",
    "Run",
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

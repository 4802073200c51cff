"""Who may decide that processes are deleted: the retention of a document profile deletes what its group owns."""

from typing import Protocol

from config.access.actor import Actor
from config.api_values import Body
from config.errors import Forbidden
from config.vocabulary import Right

# The columns that decide what is deleted, and when.
RETENTION_COLUMNS = frozenset({"retention_days", "document_type", "owner_group"})


class RetentionNotAllowed(Forbidden):
    code = "retention_not_allowed"


class Retention(Protocol):
    """The columns of a profile that decide what is deleted, and when."""

    document_type: str
    owner_group: str | None
    retention_days: int | None


def require_retention_rights(changed: Body, before: Retention | None, *, actor: Actor) -> None:
    """Raise `RetentionNotAllowed` if the change deletes more, or earlier, than the caller may decide."""
    if not RETENTION_COLUMNS & changed.keys():
        return
    if before is None:
        if changed.get("retention_days") is not None:
            require_group_or_administrator(changed.get("owner_group"), actor=actor)
        return

    # With another type or group, the retention applies to other processes.
    days = changed.get("retention_days", before.retention_days)
    if days is not None and ("document_type" in changed or "owner_group" in changed):
        require_group_or_administrator(before.owner_group, actor=actor)
        require_group_or_administrator(changed.get("owner_group", before.owner_group), actor=actor)
        return
    if days is not None and (before.retention_days is None or days < before.retention_days):
        require_group_or_administrator(before.owner_group, actor=actor)


def require_group_or_administrator(group: str | None, *, actor: Actor) -> None:
    """Raise `RetentionNotAllowed` unless the caller is a member of the owner group or administers."""
    if actor.may(Right.ADMINISTER) or (group and group in actor.groups):
        return
    if group:
        raise RetentionNotAllowed(
            f"The caller must be a member of the group '{group}', or have the right 'administer'."
        )
    raise RetentionNotAllowed("The retention of a profile without an owner group requires the right 'administer'.")

"""Whose property a kept row may be made, and by whom."""

from typing import Any

from config.access.actor import Actor, MissingRight
from config.api_values import Body
from config.errors import Fault
from config.versioned.models import OwnedModel
from config.vocabulary import Right, Scope


def owned(changed: Body, *, actor: Actor, before: OwnedModel | None) -> tuple[Body, list[Fault]]:
    """The changed columns with an owner, and what is wrong with owner, group and scope together.

    `MissingRight` if this makes the row the property of somebody else than the caller and its groups.
    """
    if before is None:
        given = {column: value for column, value in changed.items() if column != "owner" or value is not None}
        changed = {"owner": actor.subject, "scope": Scope.PERSONAL, **given}
    _require_rights(changed, actor, before)
    faults = []
    if "owner" in changed and not changed["owner"]:
        faults.append(Fault("This has an owner; leave it out to keep the present one.", "null", pointer="#/owner"))
    scope, group = (_after(column, changed, before) for column in ("scope", "group"))
    if scope == Scope.ALL:
        allowed = ", ".join(s for s in Scope.values if s != Scope.ALL)
        faults.append(Fault(f"ALL is for filters; what is kept is {allowed}.", "scope_not_kept", pointer="#/scope"))
    if scope == Scope.GROUP and not group:
        faults.append(Fault("With the scope GROUP a group is needed.", "required", pointer="#/group"))
    return changed, faults


def _require_rights(changed: Body, actor: Actor, before: OwnedModel | None) -> None:
    """Whoever changes whose it is answers for what it becomes, also where only a part of that is new."""
    if changed.get("scope") == Scope.GLOBAL and not actor.may(Right.ADMINISTER):
        raise MissingRight(Right.ADMINISTER, "The scope GLOBAL")
    if actor.acts_for_others or changed.keys().isdisjoint(("owner", "group", "scope")):
        return
    owner, group, scope = (_after(column, changed, before) for column in ("owner", "group", "scope"))
    if owner and owner != actor.subject and ("owner" in changed or scope == Scope.PERSONAL):
        raise MissingRight(Right.ON_BEHALF, "Making this somebody else's")
    if group and group not in actor.groups and ("group" in changed or scope == Scope.GROUP):
        raise MissingRight(Right.ON_BEHALF, "Naming a group that you do not belong to")


def _after(column: str, changed: Body, before: OwnedModel | None) -> Any:
    return changed[column] if column in changed else getattr(before, column, None)

"""The rules about owner, group and scope: what they may be, and who may set them."""

from config.access.actor import Actor, MissingRight
from config.api_values import Body
from config.errors import Fault
from config.versioned.models import OwnedModel
from config.vocabulary import Right, Scope


def validate_ownership(changed: Body, *, actor: Actor, before: OwnedModel | None) -> tuple[Body, list[Fault]]:
    """The changed columns, with an owner and a scope for a new row, and the faults in these columns.

    `MissingRight` if the caller gives the row to another user or to a group they are not a member of.
    """
    # A new row belongs to the caller by default.
    if before is None:
        changed = {"owner": None, "scope": Scope.PERSONAL, **changed}
        if changed["owner"] is None:
            changed["owner"] = actor.subject
    columns = ("owner", "group", "scope")
    after = {column: changed.get(column, getattr(before, column, None)) for column in columns}
    _require_rights(changed, after, actor)

    # Owner, group and scope must fit together.
    faults = []
    if "owner" in changed and not changed["owner"]:
        detail = "'owner' must not be empty; omit it to keep the current owner."
        faults.append(Fault(detail, "null", pointer="#/owner"))
    if after["scope"] == Scope.ALL:
        scopes = ", ".join(scope for scope in Scope.values if scope != Scope.ALL)
        detail = f"'scope' must be one of: {scopes}. ALL is only allowed in filters."
        faults.append(Fault(detail, "scope_not_kept", pointer="#/scope"))
    if after["scope"] == Scope.GROUP and not after["group"]:
        faults.append(Fault("The scope GROUP requires a group.", "required", pointer="#/group"))
    return changed, faults


def _require_rights(changed: Body, after: Body, actor: Actor) -> None:
    """Check the result and not only the changed columns: changing the scope alone can give the row away as well."""
    if changed.get("scope") == Scope.GLOBAL and not actor.may(Right.ADMINISTER):
        raise MissingRight(Right.ADMINISTER, "The scope GLOBAL")
    if actor.acts_for_others or changed.keys().isdisjoint(after):
        return
    owner_matters = "owner" in changed or after["scope"] == Scope.PERSONAL
    if owner_matters and after["owner"] not in (None, "", actor.subject):
        raise MissingRight(Right.ON_BEHALF, "Setting another user as the owner")
    group_matters = "group" in changed or after["scope"] == Scope.GROUP
    if group_matters and after["group"] and after["group"] not in actor.groups:
        raise MissingRight(Right.ON_BEHALF, "Setting a group that you are not a member of")

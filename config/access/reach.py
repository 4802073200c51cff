"""Decides which users, groups, tokens and second factors a staff member may change.

Control of a user gives everything that the user has: a password, a token, a second factor or a changed name is enough
to act as that user. Staff therefore change only users that have nothing that they do not have themselves.
"""

from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.db.models import Model, Q
from django.http import HttpRequest

from config.access.models import User
from config.addresses import address_key
from config.errors import Forbidden
from config.vocabulary import Right

_APP = "access"


class OutOfReach(Forbidden):
    """The change would give the staff member, or somebody else, more than the staff member has."""

    code = "out_of_reach"
    detail = "You may only change users and groups that give no access beyond your own."


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that control of a user gives, as if the user were active.

    - `subject`: the username, by which processes, contacts and templates belong to the user
    - `person`: the key of `config.text.person_key`, by which signer rows are found; empty if unknown
    - `permissions`: `app.codename` of each permission, including the rights
    """

    subject: str
    person: str
    is_superuser: bool
    groups: frozenset[str]
    permissions: frozenset[str]

    @property
    def acts_for_others(self) -> bool:
        """Whether the user may act for any user through the API, so that a username alone adds nothing."""
        return f"{_APP}.{Right.ON_BEHALF}" in self.permissions


def identity_of(user: User) -> Identity:
    """The identity of a user, which may be new and not yet stored."""
    groups: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    if user.pk is not None:
        groups = frozenset(Group.objects.filter(user=user).values_list("name", flat=True))
        permissions = _permissions(Q(user=user) | Q(group__user=user))
    return Identity(user.username, user.person, user.is_superuser, groups, permissions)


def staff_identity(request: HttpRequest) -> Identity:
    """The identity of the logged-in staff member before this request changed anything."""
    if not isinstance(request.user, User):
        raise Forbidden("You must be logged in.")
    identity: Identity | None = getattr(request, "_staff_identity", None)
    if identity is None:
        identity = identity_of(request.user)
        request._staff_identity = identity  # type: ignore[attr-defined]  # our own attribute
    return identity


def within_reach(actor: Identity, user: User) -> bool:
    """Whether control of the user gives the actor nothing that the actor does not already have."""
    if actor.is_superuser:
        return True
    other = identity_of(user)
    return (
        not other.is_superuser
        and (other.subject == actor.subject or actor.acts_for_others)
        and other.person in ("", actor.person)
        and other.groups <= actor.groups
        and other.permissions <= actor.permissions
    )


def is_group_within_reach(actor: Identity, group: Group) -> bool:
    """Whether the group's name, permissions and members are all within the actor's reach."""
    if actor.is_superuser:
        return True
    if group.name not in actor.groups or not _permissions(Q(group=group)) <= actor.permissions:
        return False
    return all(within_reach(actor, member) for member in User.objects.filter(groups=group))


def is_email_within_reach(actor: Identity, user: User) -> bool:
    """Whether no user out of reach has the user's email address, by which single sign-on finds users."""
    if actor.is_superuser or not user.email:
        return True
    others = User.objects.exclude(pk=user.pk).exclude(email="")
    same = [other for other in others if address_key(other.email) == address_key(user.email)]
    return all(within_reach(actor, other) for other in same)


def is_row_within_reach(actor: Identity, row: Model) -> bool:
    """Whether the actor may change this user, group, token or second factor."""
    if isinstance(row, Group):
        return is_group_within_reach(actor, row)
    if isinstance(row, User):
        return within_reach(actor, row)
    owner = User.objects.filter(pk=row.serializable_value("user_id")).first()
    return owner is not None and within_reach(actor, owner)


def _permissions(granted: Q) -> frozenset[str]:
    """The permissions that match; the right to administer includes the other rights."""
    rows = Permission.objects.filter(granted).values_list("content_type__app_label", "codename")
    permissions = {f"{app}.{codename}" for app, codename in rows}
    if f"{_APP}.{Right.ADMINISTER}" in permissions:
        permissions |= {f"{_APP}.{right}" for right in Right.values}
    return frozenset(permissions)

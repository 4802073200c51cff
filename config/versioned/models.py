"""The base classes of rows with a version and a history: who changed what, and when.

An `OwnedModel` also has an owner, a group and a scope, which decide who sees and changes it. The rules
of a row are in its model; `config.versioned.actions` writes it.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.http import HttpRequest
from rest_framework.serializers import Serializer
from simple_history.models import HistoricalRecords

from config.access.actor import Actor
from config.access.models import User
from config.access.resolver import NotOwner
from config.api.fields import api_fields
from config.api_values import Body
from config.errors import Fault, cleared
from config.vocabulary import Right, Scope


def _user(request: HttpRequest | None, **kwargs: object) -> User | None:
    """The user of a change. Callers authenticated by an identity provider have none; the reason names them."""
    user = getattr(request, "user", None)
    return user if isinstance(user, User) else None


class VersionedQuerySet(models.QuerySet[Any]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(self.model.visibility(actor))


class VersionedModel(models.Model):
    serializer_class: ClassVar[type[Serializer]]
    # The value of each column for which the API accepts null as "the default".
    DEFAULTS: ClassVar[Mapping[str, object]] = {}
    # Whether every change is an audit event; if not, only those by administrators are.
    AUDITED: ClassVar[bool] = False
    # The text of the 409 if a database constraint is violated.
    DUPLICATE: ClassVar[str] = "This already exists."

    # What the caller should know about the last change of this object by the API.
    change_warnings: Sequence[Fault] = ()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(editable=False)

    objects: ClassVar[Any] = VersionedQuerySet.as_manager()
    history = HistoricalRecords(inherit=True, get_user=_user, history_change_reason_field=models.TextField(null=True))

    class Meta:
        abstract = True

    @classmethod
    def api_fields(cls) -> dict[str, str]:
        """The column of each API field."""
        return api_fields(cls.serializer_class, cls)

    @classmethod
    def validate_change(cls, body: Body, *, actor: Actor, before: Self | None = None) -> Body:
        """The columns to write: those that the body changes, or all of a new row.

        Raises a `DomainError` if a rule is violated; its pointers name API fields.
        """
        raise NotImplementedError

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        """The condition for the rows, and for the entries in their histories, that the caller may see."""
        return Q()

    @classmethod
    def lock_all_writers(cls) -> None:
        """Called before every write. Override it to serialize writers whose changes touch several rows."""

    @classmethod
    def changed_columns(cls, body: Body, before: Self | None) -> Body:
        """The columns for which the body has another value than the row, or any value if there is no row."""
        changed = {}
        for column in cls.api_fields().values():
            if column not in body or column in ("id", "created_at"):
                continue
            value = cls.DEFAULTS.get(column) if body[column] is None else body[column]
            if before is None or getattr(before, column) != value:
                changed[column] = value
        return changed

    @classmethod
    def warnings_about(cls, body: Body, changed: Body) -> list[Fault]:
        """A warning for each column that the body clears, or resets to its default, with a null."""
        fields = cls.api_fields().items()
        return [cleared(f"#/{name}") for name, column in fields if column in changed and body.get(column, "") is None]

    def require_changeable(self, actor: Actor) -> None:
        """Raise `Forbidden` unless the caller, who can see this row, may change and delete it."""
        raise NotImplementedError

    @classmethod
    def require_creatable(cls, actor: Actor) -> None:
        """Raise `Forbidden` unless the caller may add rows."""

    def search_columns(self) -> Body:
        """The columns that are derived from others for searching."""
        return {}

    def reset_columns(self, changed: Body) -> Body:
        """The columns that are reset because others have changed."""
        return {}

    def release(self, changed: Body | None = None) -> None:
        """Update the rows that depend on this one, before its columns are changed or, without any, it is deleted."""

    def require_deletable(self, actor: Actor) -> None:
        """Raise a `DomainError` if other rows need this one, or if deleting it reaches beyond the caller's rights."""


class OwnedModel(VersionedModel):
    owner = models.CharField(max_length=255, help_text="Username of the owner.")
    group = models.CharField(max_length=255, null=True, blank=True, help_text="Code of the group.")
    scope = models.CharField(
        max_length=8,
        choices=[(scope, scope) for scope in Scope.values if scope != Scope.ALL],
        default=Scope.PERSONAL,
        help_text="Who can use it. PERSONAL: only the owner; GROUP: members of the group; GLOBAL: everyone.",
    )

    class Meta:
        abstract = True

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        if actor.administers:
            return Q()
        visible = Q(scope=Scope.GLOBAL) | Q(scope=Scope.GROUP, group__in=sorted(actor.groups))
        if actor.own:
            visible |= Q(scope=Scope.PERSONAL, owner=actor.subject)
        return visible

    def require_changeable(self, actor: Actor) -> None:
        # For each scope, whether this caller may change the row, and who may.
        rules = {
            Scope.PERSONAL: (actor.own and self.owner == actor.subject, "its owner"),
            Scope.GROUP: (self.group in actor.groups, "members of its group"),
            Scope.GLOBAL: (actor.may(Right.ADMINISTER), "administrators"),
        }
        is_allowed, allowed = rules[Scope(self.scope)]
        if not (is_allowed or actor.administers):
            raise NotOwner(f"The scope is {self.scope}: only {allowed} may change this.")

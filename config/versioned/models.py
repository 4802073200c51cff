"""Rows that people keep and change: contacts, templates, profiles, attributes.

Each has a version that rises with every change, and a history: who changed what and when. `Owned` ones have an
owner, a group and a scope, which say who sees and who changes them. What must hold of a row is said by its own
`settled`; the writing is `config.versioned.actions`.
"""

import uuid
from collections.abc import Callable
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
from config.errors import Forbidden
from config.vocabulary import Right, Scope


def _user(request: HttpRequest | None, **kwargs: Any) -> User | None:
    """The user of ours behind a change; callers vouched for by a provider are named in the reason alone."""
    user = getattr(request, "user", None)
    return user if isinstance(user, User) else None


class VersionedQuerySet(models.QuerySet[Any]):
    def visible_to(self, actor: Actor) -> Self:
        """What this caller may read."""
        return self.filter(self.model.visibility(actor))


class VersionedModel(models.Model):
    """`serializer_class` is the row's shape in the API; `DEFAULTS` is what a null stands for."""

    serializer_class: ClassVar[type[Serializer]]
    DEFAULTS: ClassVar[dict[str, Any]] = {}
    AUDITED: ClassVar[bool] = False
    """Whether rows of this kind set the service up, so that whoever changes them leaves an event."""
    DUPLICATE: ClassVar[str] = "There is one like this already."

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
    def validate_change(cls, body: Body, *, actor: Actor, before: Any = None) -> Body:
        """The columns that the body changes, as they are stored; of a new row all that it says.

        A `DomainError` says what does not hold; its pointers name the wire's fields.
        """
        raise NotImplementedError

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        """Which rows, and which lines of their histories, this caller may read: all, unless a model says otherwise."""
        return Q()

    @classmethod
    def lock_all_writers(cls) -> None:
        """Called before a row of this kind is written: the place to wait for other writers of several rows at once."""

    @classmethod
    def changed_columns(cls, body: Body, before: Any) -> Body:
        """The columns of which the body says something else than the row before, or anything if there is none."""
        said = {
            column: cls.DEFAULTS.get(column) if body[column] is None else body[column]
            for column in cls.api_fields().values()
            if column in body and column not in ("id", "created_at")
        }
        return {column: v for column, v in said.items() if before is None or getattr(before, column) != v}

    def require_changeable(self, actor: Actor) -> None:
        """`Forbidden` unless the caller may change or delete this row, which it may see."""
        raise NotImplementedError

    @classmethod
    def require_creatable(cls, actor: Actor) -> None:
        """`Forbidden` unless the caller may make rows of this kind."""

    def changeable_by(self, actor: Actor) -> bool:
        return _allowed(self.require_changeable, actor)

    @classmethod
    def creatable_by(cls, actor: Actor) -> bool:
        return _allowed(cls.require_creatable, actor)

    def search_columns(self) -> Body:
        """The columns that searches compare, made of those that people read."""
        return {}

    def require_deletable(self) -> None:
        """A `DomainError` if something still needs this row."""


class OwnedModel(VersionedModel):
    owner = models.CharField(max_length=255, help_text="The name of the user it belongs to.")
    group = models.CharField(max_length=255, null=True, blank=True, help_text="The code of the group it belongs to.")
    scope = models.CharField(
        max_length=8,
        choices=[(scope, scope) for scope in Scope.values if scope != Scope.ALL],
        default=Scope.PERSONAL,
        help_text="PERSONAL: for the owner alone; GROUP: for the group's members; GLOBAL: for everybody.",
    )

    class Meta:
        abstract = True

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        """`PERSONAL` ones of the caller, `GROUP` ones of its groups, every `GLOBAL` one; administrators see all."""
        if actor.administers:
            return Q()
        seen = Q(scope=Scope.GLOBAL) | Q(scope=Scope.GROUP, group__in=sorted(actor.groups))
        return seen | Q(scope=Scope.PERSONAL, owner=actor.subject) if actor.own else seen

    def require_changeable(self, actor: Actor) -> None:
        allowed = {
            Scope.PERSONAL: actor.own and self.owner == actor.subject,
            Scope.GROUP: self.group in actor.groups,
            Scope.GLOBAL: actor.may(Right.ADMINISTER),
        }
        if not (actor.administers or allowed[Scope(self.scope)]):
            whose = {Scope.PERSONAL: "its owner", Scope.GROUP: "its group's members", Scope.GLOBAL: "administrators"}
            raise NotOwner(f"This is {self.scope}: only {whose[Scope(self.scope)]} may change it.")


def _allowed(ask: Callable[[Actor], None], actor: Actor) -> bool:
    try:
        ask(actor)
    except Forbidden:
        return False
    return True

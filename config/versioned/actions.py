"""Writes kept rows: lock, ask the row's own rules, write with a new version and a line in its history.

What administrators change, and what sets the service up, is an event of the audit trail as well.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from config import api_values
from config.access import audit_hook
from config.access.actor import Actor
from config.api import conditional
from config.api_values import Body
from config.errors import DomainError, NotFound
from config.versioned.models import VersionedModel
from config.vocabulary import Right

TOLD_AT_MOST = 10_000
"""Of a longer text an event tells its length and digest; the row's history has the text."""

Row = TypeVar("Row", bound=VersionedModel)


class Duplicate(DomainError):
    """Another row has what only one may have."""

    code = "taken"
    status = 409


@transaction.atomic
def create(model: type[Row], body: Body, *, actor: Actor, at: datetime) -> Row:
    """A new row of the body, made by this caller."""
    model.require_creatable(actor)
    model.lock_all_writers()
    return insert(model(created_at=at, **model.validate_change(body, actor=actor)), actor=actor, at=at)


@transaction.atomic
def replace(row: Row, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> Row:
    """Make the row what the body says: absent keys stay, null clears, and what changes nothing leaves the version."""
    row = lock(row, actor=actor, expected=expected)
    changed = type(row).validate_change(body, actor=actor, before=row)
    return write(row, changed, actor=actor, at=at) if changed else row


@transaction.atomic
def delete(row: Row, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> None:
    row = lock(row, actor=actor, expected=expected)
    row.require_deletable()
    _note(row, actor, at)
    if leaves_event(row, actor):
        audit_hook.changed(
            audit_hook.change("delete", row, before=audit_values(row, row.api_fields().values())), actor=actor, at=at
        )
    row.delete()


def lock(row: Row, *, actor: Actor, expected: frozenset[str] | None = None) -> Row:
    """The row under its lock; `NotFound` if it is gone, `Stale` if `expected` is out of date, `Forbidden` unless
    the caller may change it."""
    model = type(row)
    model.lock_all_writers()
    try:
        locked: Any = model.objects.select_for_update().get(pk=row.pk)
    except model.DoesNotExist:
        raise NotFound from None
    conditional.require(locked.version, expected)
    locked.require_changeable(actor)
    return locked


def insert(row: Row, *, actor: Actor, at: datetime) -> Row:
    _set(row, row.search_columns())
    _note(row, actor, at)
    with _one_only(row):
        row.save(force_insert=True)
    if leaves_event(row, actor):
        audit_hook.changed(
            audit_hook.change("add", row, after=audit_values(row, row.api_fields().values())), actor=actor, at=at
        )
    return row


def write(row: Row, changed: Body, *, actor: Actor, at: datetime) -> Row:
    """Write these columns of a locked row; its version rises."""
    recorded = leaves_event(row, actor)
    was = audit_values(type(row).objects.get(pk=row.pk), changed) if recorded else None
    _set(row, changed)
    written = {**changed, **row.search_columns(), "version": row.version + 1}
    _set(row, written)
    _note(row, actor, at)
    with _one_only(row):
        row.save(update_fields=sorted(written))
    if recorded:
        audit_hook.changed(
            audit_hook.change("change", row, before=was, after=audit_values(row, changed)), actor=actor, at=at
        )
    return row


def leaves_event(row: VersionedModel, actor: Actor) -> bool:
    """Whether this caller's change of the row is an event of the audit trail."""
    return row.AUDITED or actor.may(Right.ADMINISTER)


def audit_values(row: VersionedModel, columns: Iterable[str]) -> dict[str, Any]:
    """These columns as an event tells them: by the wire's names, where they have one."""
    names = {column: name for name, column in row.api_fields().items()}
    return {names.get(column, column): _short(api_values.value(getattr(row, column))) for column in columns}


def who(actor: Actor) -> str:
    """The caller as histories name it."""
    return actor.client if actor.client == actor.subject else f"{actor.client} for {actor.subject}"


def _set(row: VersionedModel, columns: Body) -> None:
    for column, value in columns.items():
        setattr(row, column, value)


def _short(value: Any) -> Any:
    if not isinstance(value, str) or len(value) <= TOLD_AT_MOST:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()
    return f"({len(value)} characters, SHA-256 {digest})"


def _note(row: Any, actor: Actor, at: datetime) -> None:
    row._change_reason, row._history_date = who(actor), at


@contextmanager
def _one_only(row: VersionedModel) -> Iterator[None]:
    """A row that breaks a constraint is `Duplicate`; the transaction around it goes on."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as exc:
        raise Duplicate(row.DUPLICATE) from exc

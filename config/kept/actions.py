"""Writes kept rows: lock, ask the row's own rules, write with a new version and a line in its history."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from config import wire
from config.access import trail
from config.access.actor import Actor
from config.api import conditional
from config.errors import DomainError, NotFound
from config.kept.models import Body, Kept

Row = TypeVar("Row", bound=Kept)


class Taken(DomainError):
    """Another row has what only one may have."""

    code = "taken"
    status = 409


@transaction.atomic
def create(model: type[Row], body: Body, *, actor: Actor, at: datetime) -> Row:
    """A new row of the body, made by this caller."""
    model.require_creatable(actor)
    model.take_turns()
    return insert(model(created_at=at, **model.settled(body, actor=actor)), actor=actor, at=at)


@transaction.atomic
def replace(row: Row, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> Row:
    """Make the row what the body says: absent keys stay, null clears, and what changes nothing leaves the version."""
    row = lock(row, actor=actor, expected=expected)
    changed = type(row).settled(body, actor=actor, before=row)
    return write(row, changed, actor=actor, at=at) if changed else row


@transaction.atomic
def delete(row: Row, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> None:
    row = lock(row, actor=actor, expected=expected)
    row.require_deletable()
    _note(row, actor, at)
    _record("delete", row, actor, at, before=_wire(row, type(row).WIRE.values()))
    row.delete()


def lock(row: Row, *, actor: Actor, expected: frozenset[str] | None = None) -> Row:
    """The row under its lock; `NotFound` if it is gone, `Stale` if `expected` is out of date, `Forbidden` unless
    the caller may change it."""
    model = type(row)
    model.take_turns()
    try:
        locked: Any = model.objects.select_for_update().get(pk=row.pk)
    except model.DoesNotExist:
        raise NotFound from None
    conditional.require(locked.version, expected)
    locked.require_changeable(actor)
    return locked


def insert(row: Row, *, actor: Actor, at: datetime) -> Row:
    _set(row, row.folded())
    _note(row, actor, at)
    with _one_only(row):
        row.save(force_insert=True)
    _record("add", row, actor, at, after=_wire(row, type(row).WIRE.values()))
    return row


def write(row: Row, changed: Body, *, actor: Actor, at: datetime) -> Row:
    """Write these columns of a locked row; its version rises."""
    was = _wire(type(row).objects.get(pk=row.pk), changed) if row.CONFIGURES else None
    _set(row, changed)
    after = _wire(row, changed)
    changed = {**changed, **row.folded(), "version": row.version + 1}
    _set(row, changed)
    _note(row, actor, at)
    with _one_only(row):
        row.save(update_fields=sorted(changed))
    _record("change", row, actor, at, before=was, after=after)
    return row


def who(actor: Actor) -> str:
    """The caller as histories name it."""
    return actor.client if actor.client == actor.subject else f"{actor.client} for {actor.subject}"


def _set(row: Kept, columns: Body) -> None:
    for column, value in columns.items():
        setattr(row, column, value)


def _record(verb: str, row: Kept, actor: Actor, at: datetime, **values: Any) -> None:
    if row.CONFIGURES:
        trail.changed(verb, row, actor=actor, at=at, **values)


def _wire(row: Kept, columns: Iterable[str]) -> dict[str, Any]:
    """These columns by the wire's names, where they have one."""
    names = {column: name for name, column in type(row).WIRE.items()}
    return {names.get(column, column): wire.value(getattr(row, column)) for column in columns}


def _note(row: Any, actor: Actor, at: datetime) -> None:
    row._change_reason, row._history_date = who(actor), at


@contextmanager
def _one_only(row: Kept) -> Iterator[None]:
    """A row that breaks a constraint is `Taken`; the transaction around it goes on."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as exc:
        raise Taken(row.TAKEN) from exc

"""Writes versioned rows: lock, apply the model's rules, write with a new version and a history entry.

Changes by administrators, and all changes of `AUDITED` models, are recorded in the audit trail too.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from config import api_values
from config.access import audit_hook
from config.access.actor import Actor
from config.api import conditional
from config.api_values import Body, JsonObject
from config.errors import DomainError, NotFound
from config.versioned.models import VersionedModel
from config.vocabulary import Right

# An event has the length and digest of a longer text; the text itself is in the row's history.
LONGEST_AUDITED_TEXT = 10_000

_Row = TypeVar("_Row", bound=VersionedModel)


class Duplicate(DomainError):
    """Another row has a value that must be unique."""

    code = "taken"
    status = 409


@transaction.atomic
def create_row(model: type[_Row], body: Body, *, actor: Actor, at: datetime) -> _Row:
    """Add a row with the values in the body."""
    model.require_creatable(actor)
    model.lock_all_writers()
    return insert(model(created_at=at, **model.validate_change(body, actor=actor)), actor=actor, at=at)


@transaction.atomic
def replace_row(row: _Row, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> _Row:
    """Apply the body to the row: absent keys keep their values. The version stays if nothing changes."""
    row = lock_row(row, actor=actor, expected=expected)
    changed = type(row).validate_change(body, actor=actor, before=row)
    row.change_warnings = row.warnings_about(body, changed)
    if not changed:
        return row
    return write(row, changed, actor=actor, at=at)


@transaction.atomic
def delete_row(row: _Row, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> None:
    row = lock_row(row, actor=actor, expected=expected)
    row.require_deletable(actor)
    row.release()
    _set_history_entry(row, actor, at)
    if leaves_event(row, actor):
        before = audit_values(row, row.api_fields().values())
        audit_hook.record_changes(audit_hook.row_change("delete", row, before=before), actor=actor, at=at)
    row.delete()


def lock_row(row: _Row, *, actor: Actor, expected: frozenset[str] | None = None) -> _Row:
    """The locked row as it is now.

    `NotFound` if it has been deleted, `Stale` if its version is not in `expected`, `Forbidden` if
    the caller may not change it.
    """
    model = type(row)
    model.lock_all_writers()
    try:
        locked: Any = model.objects.select_for_update().get(pk=row.pk)
    except model.DoesNotExist:
        raise NotFound from None
    conditional.require(locked.version, expected)
    locked.require_changeable(actor)
    return locked


def insert(row: _Row, *, actor: Actor, at: datetime) -> _Row:
    """Insert a new row whose columns are valid."""
    _set_columns(row, row.search_columns())
    _save(row, actor=actor, at=at)
    if leaves_event(row, actor):
        after = audit_values(row, row.api_fields().values())
        audit_hook.record_changes(audit_hook.row_change("add", row, after=after), actor=actor, at=at)
    return row


def write(row: _Row, changed: Body, *, actor: Actor, at: datetime) -> _Row:
    """Write valid columns to a locked row, and increment its version."""
    is_recorded = leaves_event(row, actor)
    before: JsonObject = {}
    if is_recorded:
        # A form has already set the columns of its row, so read the old values again.
        before = audit_values(type(row).objects.get(pk=row.pk), changed)

    # Search columns are derived from the new values.
    row.release(changed)
    _set_columns(row, changed)
    columns = {**changed, **row.search_columns(), **row.reset_columns(changed), "version": row.version + 1}
    _set_columns(row, columns)
    _save(row, sorted(columns), actor=actor, at=at)

    if is_recorded:
        after = audit_values(row, changed)
        audit_hook.record_changes(audit_hook.row_change("change", row, before=before, after=after), actor=actor, at=at)
    return row


def leaves_event(row: VersionedModel, actor: Actor) -> bool:
    """Whether a change of the row by this caller is an event in the audit trail."""
    return row.AUDITED or actor.may(Right.ADMINISTER)


def audit_values(row: VersionedModel, columns: Iterable[str]) -> JsonObject:
    """The values of these columns for an audit event, by API field or, without one, by column."""
    names = {column: name for name, column in row.api_fields().items()}
    return {names.get(column, column): _shortened(api_values.value(getattr(row, column))) for column in columns}


def who(actor: Actor) -> str:
    """The caller as histories name them."""
    if actor.client == actor.subject:
        return actor.client
    return f"{actor.client} for {actor.subject}"


def _set_columns(row: VersionedModel, columns: Body) -> None:
    for column, value in columns.items():
        setattr(row, column, value)


def _shortened(value: object) -> object:
    if not isinstance(value, str) or len(value) <= LONGEST_AUDITED_TEXT:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()
    return f"({len(value)} characters, SHA-256 {digest})"


def _save(row: VersionedModel, columns: list[str] | None = None, *, actor: Actor, at: datetime) -> None:
    """Insert the row, or update these columns, with a history entry; `Duplicate` if that violates a constraint."""
    _set_history_entry(row, actor, at)
    try:
        # The savepoint keeps the outer transaction usable after an error.
        with transaction.atomic():
            row.save(force_insert=columns is None, update_fields=columns)
    except IntegrityError as error:
        raise Duplicate(row.DUPLICATE) from error


def _set_history_entry(row: VersionedModel, actor: Actor, at: datetime) -> None:
    # django-simple-history reads these attributes when it saves or deletes the row.
    row._change_reason = who(actor)  # type: ignore[attr-defined]
    row._history_date = at  # type: ignore[attr-defined]

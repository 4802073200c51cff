"""Inserts rows like those that the service wrote for one request, with other IDs, by prepared statements."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import TupleRow

Connection = psycopg.Connection[TupleRow]
NewIds = Mapping[str, str]

# The number of the event that this connection wrote last.
_LAST_EVENT = "currval('audit_event_number_seq')"
# The columns that the database sets.
_GENERATED = {"audit_event": {"number"}, "notifications_message": {"id"}}

# Enters an event into the chain of its process, and tells its place.
_WITH_HEAD = (
    "WITH head AS (INSERT INTO audit_head (process_id, seq, digest) VALUES (%s, 1, repeat('0', 64))"
    " ON CONFLICT (process_id) DO UPDATE SET seq = audit_head.seq + 1, digest = excluded.digest RETURNING seq) "
)
_PLACE = "(SELECT seq FROM head)"


@dataclass(frozen=True, slots=True)
class Copy:
    """An INSERT of some rows of one table, whose values are text. `varying` are those with IDs in them."""

    statement: str
    values: list[str | None]
    varying: list[tuple[int, list[str]]]

    def execute(self, connection: Connection, new_ids: NewIds, *before: str) -> None:
        """Insert the rows with these IDs in place of theirs; `before` are the parameters before the values."""
        values = list(self.values)
        for index, old_ids in self.varying:
            text = values[index] or ""
            for old_id in old_ids:
                text = text.replace(old_id, new_ids[old_id])
            values[index] = text
        connection.execute(self.statement.encode(), [*before, *values], prepare=True)


@dataclass(frozen=True, slots=True)
class EventCopy:
    """An audit event with its personal values, in which `ids` will be replaced.

    With `is_next`, its place is the one after the last of its process.
    """

    event: Copy
    values: Copy
    ids: Sequence[str]
    is_next: bool

    def execute(self, connection: Connection, new_ids: NewIds, process_id: str = "") -> None:
        if self.is_next:
            self.event.execute(connection, new_ids, process_id)
        else:
            self.event.execute(connection, new_ids)
        self.values.execute(connection, new_ids)


def copy_of(connection: Connection, table: str, where: str, parameters: Sequence[Any], ids: Sequence[str]) -> Copy:
    """The rows of a table, in which these IDs will be replaced."""
    columns, rows = _read(connection, table, where, parameters)
    assert rows, f"The request wrote no row of {table}."
    return _copy(table, columns, rows, ids)


def event_copies(
    connection: Connection, where: str, parameters: Sequence[Any], ids: Sequence[str], *, is_next: bool = False
) -> list[EventCopy]:
    """The audit events, each with its personal values and, when it is inserted, an ID of its own."""
    query = f"SELECT number FROM audit_event WHERE {where} ORDER BY number"
    numbers = connection.execute(query.encode(), parameters).fetchall()
    return [_event_copy(connection, number, ids, is_next) for (number,) in numbers]


def fresh_ids(ids: Sequence[str]) -> dict[str, str]:
    """A new ID for each."""
    return {old_id: str(uuid.uuid4()) for old_id in ids}


def _event_copy(connection: Connection, number: int, ids: Sequence[str], is_next: bool) -> EventCopy:
    # The event.
    expressions = {"id": "gen_random_uuid()"}
    prefix = ""
    if is_next:
        expressions["seq"] = _PLACE
        prefix = _WITH_HEAD
    columns, rows = _read(connection, "audit_event", "number = %s", [number])
    event = _copy("audit_event", columns, rows, ids, expressions=expressions, prefix=prefix)

    # Its values.
    columns, rows = _read(connection, "audit_value", "event_id = %s", [number])
    values = _copy("audit_value", columns, rows, ids, expressions={"event_id": _LAST_EVENT})
    return EventCopy(event, values, ids, is_next)


def _read(
    connection: Connection, table: str, where: str, parameters: Sequence[Any]
) -> tuple[list[str], list[TupleRow]]:
    """The columns that are copied, and the rows with each value as text."""
    described = connection.execute(f"SELECT * FROM {table} LIMIT 0".encode()).description or []
    columns = [column.name for column in described if column.name not in _GENERATED.get(table, ())]
    selected = ", ".join(f'"{column}"::text' for column in columns)
    query = f"SELECT {selected} FROM {table} WHERE {where}"
    return columns, connection.execute(query.encode(), parameters).fetchall()


def _copy(
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str | None]],
    ids: Sequence[str],
    *,
    expressions: Mapping[str, str] = {},
    prefix: str = "",
) -> Copy:
    values: list[str | None] = []
    varying: list[tuple[int, list[str]]] = []
    placeholders = []
    for row in rows:
        for column, text in zip(columns, row, strict=True):
            placeholders.append(expressions.get(column, "%s"))
            if column in expressions:
                continue
            found = [old_id for old_id in ids if old_id in (text or "")]
            if found:
                varying.append((len(values), found))
            values.append(text)
    groups = []
    for start in range(0, len(placeholders), len(columns)):
        groups.append(f"({', '.join(placeholders[start : start + len(columns)])})")
    names = ", ".join(f'"{column}"' for column in columns)
    return Copy(f"{prefix}INSERT INTO {table} ({names}) VALUES {', '.join(groups)}", values, varying)

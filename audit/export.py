"""Exports events as a file, line by line."""

import csv
import json
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from audit.api.serializers import EVENT_FIELDS, event_body
from audit.models import AuditEvent
from config.api_values import JsonObject
from config.spreadsheets import guard_formulas

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}

_BATCH_SIZE = 1_000


def lines(events: QuerySet[AuditEvent], file_format: str) -> Iterator[str]:
    """The events, oldest first, in one of `FORMATS`."""
    bodies = (event_body(event) for event in events.order_by("number").iterator(_BATCH_SIZE))
    if file_format == "csv":
        return _csv_lines(bodies)
    return (json.dumps(body, ensure_ascii=False) + "\n" for body in bodies)


class _Echo:
    """A file whose `write` returns the line."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(bodies: Iterable[JsonObject]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    # Spreadsheets take the file for UTF-8 only if it starts with a byte order mark.
    yield "\ufeff" + str(writer.writerow(EVENT_FIELDS))
    for body in bodies:
        yield str(writer.writerow([_cell(value) for value in body.values()]))


def _cell(value: object) -> object:
    """The value as a cell that a spreadsheet shows as text."""
    if isinstance(value, dict | list):
        # Escaped, a semicolon in a text splits no cell, and the JSON stays what it is.
        return json.dumps(value, ensure_ascii=False).replace(";", "\\u003b")
    if isinstance(value, str):
        return guard_formulas(value)
    return value

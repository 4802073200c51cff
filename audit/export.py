"""A search of the trail as a file, written while it is read."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from audit.models import AuditEvent
from config import api_values

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
_AT_ONCE = 1_000


def lines(events: Any, form: str) -> Iterator[str]:
    """The events, oldest first, in one of `FORMATS`."""
    found = (api_values.row(event, AuditEvent.WIRE) for event in events.order_by("number").iterator(_AT_ONCE))
    return (
        _csv(found)
        if form == "csv"
        else (
            json.dumps({k: None if v == "" else v for k, v in row.items()}, ensure_ascii=False) + "\n" for row in found
        )
    )


class _Echo:
    def write(self, line: str) -> str:
        return line


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + str(writer.writerow(AuditEvent.WIRE))
    for row in rows:
        yield str(writer.writerow([_cell(value) for value in row.values()]))


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet computes."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

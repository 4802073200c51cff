"""How the API represents values, errors and warnings in JSON."""

import uuid
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from config.errors import Fault

# A JSON object.
JsonObject = dict[str, Any]

# A validated request body: values by column, only the keys that were sent.
Body = dict[str, Any]


def value(raw: object) -> Any:
    """A column's value in JSON: ids as text, datetimes in UTC, everything else unchanged."""
    if isinstance(raw, datetime):
        return raw.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(raw, uuid.UUID):
        return str(raw)
    return raw


def is_id(text: str) -> bool:
    """Whether the text is a UUID in its canonical form, in either case."""
    try:
        return str(uuid.UUID(text)) == text.casefold()
    except ValueError:
        return False


def row(instance: object, columns: dict[str, str]) -> JsonObject:
    """The object as JSON; `columns` maps each API field to its column."""
    return {name: value(getattr(instance, column)) for name, column in columns.items()}


def faults(items: Iterable[Fault]) -> list[dict[str, str]]:
    """The entries of `errors` or `warnings`, each with the location it refers to."""
    return [{name: text for name, text in asdict(fault).items() if text is not None} for fault in items]


def warnings(items: Iterable[Fault] | None) -> dict[str, list[dict[str, str]]]:
    """The `warnings` member of a response; empty for None, where the resource never has warnings."""
    if items is None:
        return {}
    return {"warnings": faults(items)}

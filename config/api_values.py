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


def lowercase_id(text: str) -> str:
    """A UUID in lowercase, as the service writes its ids; any other text unchanged."""
    return text.lower() if is_id(text) else text


def flag(text: str) -> bool | None:
    """The meaning of a boolean in a URL: `true` in any case or `1`, `false` in any case or `0`; None for other text."""
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower())


def row(instance: object, columns: dict[str, str]) -> JsonObject:
    """The object as JSON; `columns` maps each API field to its column."""
    return {name: value(getattr(instance, column)) for name, column in columns.items()}


def faults(items: Iterable[Fault]) -> list[dict[str, str]]:
    """The entries of `errors` or `warnings`, each with the location it refers to."""
    return [{name: text for name, text in asdict(fault).items() if text is not None} for fault in items]


def warnings(items: Iterable[Fault]) -> dict[str, list[dict[str, str]]]:
    """The `warnings` member of a response."""
    return {"warnings": faults(items)}

"""How values are written on the wire."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from config.errors import Fault

JsonObject = dict[str, Any]
"""A JSON object."""

Body = dict[str, Any]
"""A validated request body: values by column name, only the keys that were sent."""


def value(raw: Any) -> Any:
    """A column's value: ids as text, moments in UTC, the rest as it is."""
    if isinstance(raw, datetime):
        return raw.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(raw) if isinstance(raw, uuid.UUID) else raw


def is_id(text: str) -> bool:
    """Whether a text can be an id."""
    try:
        return str(uuid.UUID(text)) == text.casefold()
    except ValueError:
        return False


def row(of: Any, names: dict[str, str]) -> dict[str, Any]:
    """A row by the wire's names, each from its column."""
    return {name: value(getattr(of, column)) for name, column in names.items()}


def faults(of: Iterable[Fault]) -> list[dict[str, str]]:
    """What is wrong, or to be remarked, each with the place that it speaks of."""
    names = ("pointer", "parameter", "code", "detail")
    return [{name: said for name in names if (said := getattr(fault, name)) is not None} for fault in of]


def warnings(of: Iterable[Fault] | None) -> dict[str, list[dict[str, str]]]:
    """The `warnings` of an answer; nothing where there are never any."""
    return {} if of is None else {"warnings": faults(of)}

"""JSON without what names a person."""

import json
from typing import Any

from signing.erasure.people import Person


def blanked(value: Any, person: Person, *, names: bool = False) -> Any:
    """The value with every text in it that names the person as null; a text that is JSON itself is looked into, and is
    null as a whole if it is none."""
    if isinstance(value, dict):
        named = any(isinstance(text, str) and person.is_named_in(text) for text in value.values())
        return {key: blanked(inner, person, names=names or named) for key, inner in value.items()}
    if isinstance(value, list):
        return [blanked(inner, person, names=names) for inner in value]
    if not isinstance(value, str) or not person.is_named_in(value, names=names):
        return value
    try:
        inner = json.loads(value)
    except ValueError:
        return None
    return (
        json.dumps(blanked(inner, person, names=names), ensure_ascii=False) if isinstance(inner, dict | list) else None
    )

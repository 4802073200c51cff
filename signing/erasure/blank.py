"""JSON without what names a person."""

import json
from typing import Any

from signing.erasure.people import Person


def blanked(value: Any, person: Person, *, names: bool = False, own: bool = False) -> Any:
    """The value with every text in it that names the person as null; a text that is JSON itself is looked into, and is
    null as a whole if it is none. `own`: it is part of an object that describes the person."""
    if isinstance(value, dict):
        own = any(isinstance(text, str) and person.is_named_in(text) for text in value.values())
        return {key: blanked(inner, person, names=names or own, own=own) for key, inner in value.items()}
    if isinstance(value, list):
        return [blanked(inner, person, names=names) for inner in value]
    if not isinstance(value, str):
        return value
    if not (person.is_named_in(value, names=names) or (own and person.is_called(value))):
        return value
    try:
        inner = json.loads(value)
    except ValueError:
        return None
    if not isinstance(inner, dict | list):
        return None
    return json.dumps(blanked(inner, person, names=names), ensure_ascii=False)

"""JSON without what names a person."""

import json
import re
from typing import Any

from signing.erasure.people import Person, json_in

GONE = "(erased)"
"""What stands where something has to stand."""
_WHO = re.compile(r"(name|mail|code|phone)$", re.IGNORECASE)
"""The keys that say who somebody is, in an object that describes a person."""


def blanked(value: Any, person: Person, *, names: bool = False) -> Any:
    """The value with every text in it that names the person as null, and with who it is of each object that describes
    the person; a text that is JSON itself is looked into, and is null as a whole if it is none."""
    if isinstance(value, dict):
        own = any(isinstance(text, str) and person.is_named_in(text) for text in value.values())
        return {
            GONE if person.is_named_in(key, names=names) else key: (
                None if own and _WHO.search(key) else blanked(inner, person, names=names or own)
            )
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [blanked(inner, person, names=names) for inner in value]
    if not person.is_named_in(value, names=names):
        return value
    inner = json_in(value) if isinstance(value, str) else None
    if not isinstance(inner, dict | list):
        return None
    return json.dumps(blanked(inner, person, names=names), ensure_ascii=False)

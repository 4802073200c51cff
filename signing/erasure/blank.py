"""JSON without what names a person."""

import json
import re
from collections.abc import Iterable
from typing import Any

from signing.erasure.people import Person

GONE = "(erased)"
"""What stands where something has to stand."""

_WHO = re.compile(r"^(.*?)(?:(?:first|last|full|given|family)?name|e?mail|(?:personal)?code|phone)$", re.IGNORECASE)
"""The keys that say who somebody is; those of one beginning speak of the same one."""


def blanked(value: Any, person: Person, *, names: bool = False) -> Any:
    """The value with every text and number in it that names the person as null, and with who it is of each object
    that describes the person; a text that is JSON itself is looked into, and is null as a whole if it is none."""
    if isinstance(value, dict):
        return _blanked_object(value, person, names=names)
    if isinstance(value, list):
        return [blanked(inner, person, names=names) for inner in value]
    if not person.is_named_in(value, names=names):
        return value
    return _blanked_text(value, person, names=names) if isinstance(value, str) else None


def _blanked_object(value: dict[str, Any], person: Person, *, names: bool) -> dict[str, Any]:
    own = {_WHO.match(key) for key, said in value.items() if _is_flat(said) and person.is_named_in(said)}
    beginnings = {found[1] for found in own if found}
    blank: dict[str, Any] = {}
    for key, said in value.items():
        found = _WHO.match(key)
        mine = found is not None and found[1] in beginnings
        name = _other_than(blank, GONE) if person.is_named_in(key, names=names) else key
        blank[name] = None if mine else blanked(said, person, names=names or bool(beginnings))
    return blank


def _blanked_text(text: str, person: Person, *, names: bool) -> str | None:
    try:
        inner = json.loads(text)
        done = json.dumps(blanked(inner, person, names=names), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return done if isinstance(inner, dict | list) and not person.is_named_in(done, names=names) else None


def _is_flat(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _other_than(taken: Iterable[str], name: str) -> str:
    number, other = 1, name
    while other in taken:
        number += 1
        other = f"{name} {number}"
    return other

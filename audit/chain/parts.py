"""The parts into which the personal values of an event are split. Each part can be erased without the others."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from audit.chain import form
from config.api_values import JsonObject

# The part of each text, by its name in an event.
TEXT_PARTS = {
    "creator": "creator",
    "ip_address": "ipAddress",
    "customer_personal_code": "customerPersonalCode",
    "reported_by": "reportedBy",
    "note": "note",
}
CHANGES = ("before", "after")
# The part that lists erased values, as pairs of an event's number and a part. The events are in the same chain.
ERASED = "erased"
# The names of all values that are stored as parts.
NAMES = frozenset({*TEXT_PARTS, *CHANGES, ERASED})
SIGNER_PREFIX = "signers/"


def split(values: Mapping[str, Any]) -> dict[str, str]:
    """The parts of an event's personal values. In a change, the values of each signer are a part of their own."""
    split_values = {part: values[name] for name, part in TEXT_PARTS.items() if values.get(name)}
    if values.get(ERASED):
        split_values[ERASED] = form.canonical_json(values[ERASED])
    for name in CHANGES:
        if values.get(name) is not None:
            for group_name, group_values in _by_group(values[name]).items():
                split_values[f"{name} {group_name}".rstrip()] = form.canonical_json(group_values)
    return split_values


def change(name: str, values: Mapping[str, str]) -> JsonObject | None:
    """`before` or `after`, assembled from its parts; None if there are none.

    A part that is not a JSON object was not written by the service; it is returned as text, under its own name.
    """
    changes = [_parse(part, value) for part, value in values.items() if part.partition(" ")[0] == name]
    if not changes:
        return None
    merged: JsonObject = {}
    for paths in changes:
        merged |= paths
    return merged


def erasures(values: Mapping[str, str]) -> list[tuple[int, str]]:
    """The erased values that an event lists; empty if the list is malformed."""
    try:
        return [(int(number), str(part)) for number, part in json.loads(values.get(ERASED, "[]"))]
    except (ValueError, TypeError):
        return []


def groups(parts: Iterable[tuple[str, str]]) -> set[str]:
    """The groups of a process's values that these parts belong to.

    Each part comes as a pair: the signer of its event, and the part. A change without a group belongs to that signer.
    """
    names = set()
    for signer_id, part in parts:
        name, _, group_name = part.partition(" ")
        if name in CHANGES:
            of_signer = f"{SIGNER_PREFIX}{signer_id}" if signer_id else ""
            names.add(group_name or of_signer)
    return names


def signer_of(part: str) -> str:
    """The signer whose values this part of a change holds; empty for other parts."""
    return part.partition(SIGNER_PREFIX)[2]


def group(path: str) -> str:
    """The group of the value at this path: the values of one signer (`signers/<id>`), or the rest (empty)."""
    if not path.startswith(SIGNER_PREFIX):
        return ""
    return SIGNER_PREFIX + path.removeprefix(SIGNER_PREFIX).partition("/")[0]


def _parse(part: str, value: str) -> JsonObject:
    try:
        paths = json.loads(value)
    except ValueError:
        paths = None
    if isinstance(paths, dict):
        return paths
    return {part: value}


def _by_group(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    by_group: dict[str, dict[str, object]] = {}
    for path, value in values.items():
        by_group.setdefault(group(path), {})[path] = value
    return by_group or {"": {}}

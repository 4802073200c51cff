"""The personal values of an event: kept beside it in parts that can be erased one by one, with salts of their own."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from audit.chain import form

TEXT_PARTS = {
    "creator": "creator",
    "ip_address": "ipAddress",
    "customer_personal_code": "customerPersonalCode",
    "reported_by": "reportedBy",
    "note": "note",
}
"""The part of each value that is a text."""
CHANGES = ("before", "after")
ERASED = "erased"
"""The part that says which values were erased: pairs of an event's number and a part, in the chain of those events."""
SIGNER_PREFIX = "signers/"


def split(said: Mapping[str, Any]) -> dict[str, str]:
    """What is to be kept in which part: texts as they are; of a change each signer's values in a part of their own."""
    kept = {part: said[name] for name, part in TEXT_PARTS.items() if said.get(name)}
    if said.get(ERASED):
        kept[ERASED] = form.canonical_json(said[ERASED])
    for name in CHANGES:
        if said.get(name) is not None:
            for group, values in _grouped(said[name]).items():
                kept[f"{name} {group}".rstrip()] = form.canonical_json(values)
    return kept


def change(name: str, kept: Mapping[str, str]) -> dict[str, Any] | None:
    """`before` or `after` put together again; None where nothing is said. A part that the service did not write so is
    shown as the text that it is."""
    found = [_read(part, value) for part, value in kept.items() if part.partition(" ")[0] == name]
    return {path: value for said in found for path, value in said.items()} if found else None


def erasures(kept: Mapping[str, str]) -> list[tuple[int, str]]:
    """Which values an event says were erased; none where that is not as the service wrote it."""
    try:
        return [(int(number), str(part)) for number, part in json.loads(kept.get(ERASED, "[]"))]
    except (ValueError, TypeError):
        return []


def groups(parts: Iterable[tuple[str, str]]) -> set[str]:
    """The groups of a process's values that parts of events tell of, each given after the signer that its event is
    about: a signer's, or the rest."""
    named = [(part.partition(" "), signer_id) for signer_id, part in parts]
    return {
        of or (f"{SIGNER_PREFIX}{signer_id}" if signer_id else "")
        for (name, _, of), signer_id in named
        if name in CHANGES
    }


def signer_of(part: str) -> str:
    """The signer whose values a part of a change holds, if it is such a part."""
    return part.rpartition(SIGNER_PREFIX)[2] if SIGNER_PREFIX in part else ""


def group(path: str) -> str:
    """Which values stand in a part together with the one of this path: a signer's, or the rest."""
    of_signer = path.startswith(SIGNER_PREFIX)
    return SIGNER_PREFIX + path.removeprefix(SIGNER_PREFIX).partition("/")[0] if of_signer else ""


def _read(part: str, value: str) -> dict[str, Any]:
    try:
        said = json.loads(value)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {part: value}


def _grouped(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        groups.setdefault(group(path), {})[path] = value
    return groups or {"": {}}

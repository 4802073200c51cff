"""The personal values of an event: kept beside it in parts that can be erased one by one, with salts of their own."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from audit.chain import form

TEXTS = {
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
OF_SIGNERS = "signers/"


def parts(said: Mapping[str, Any]) -> dict[str, str]:
    """What is to be kept in which part: texts as they are; of a change each signer's values in a part of their own."""
    kept = {part: said[name] for name, part in TEXTS.items() if said.get(name)}
    if said.get(ERASED):
        kept[ERASED] = form.canonical_json(said[ERASED])
    for name in CHANGES:
        if said.get(name) is not None:
            for group, values in _grouped(said[name]).items():
                kept[f"{name} {group}".rstrip()] = form.canonical_json(values)
    return kept


def change(name: str, kept: Mapping[str, str]) -> dict[str, Any] | None:
    """`before` or `after` put together again; None where nothing is said."""
    found = [value for part, value in kept.items() if part.partition(" ")[0] == name]
    return {path: value for part in found for path, value in json.loads(part).items()} if found else None


def is_of_signer(part: str, signer_ids: Iterable[str]) -> bool:
    """Whether a part holds what was changed of one of these signers."""
    return part.rpartition(OF_SIGNERS)[2] in signer_ids if OF_SIGNERS in part else False


def _grouped(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        of_signer = path.startswith(OF_SIGNERS)
        group = OF_SIGNERS + path.removeprefix(OF_SIGNERS).partition("/")[0] if of_signer else ""
        groups.setdefault(group, {})[path] = value
    return groups or {"": {}}

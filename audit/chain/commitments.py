"""Values as they stand, held against what the chain committed to."""

import json
import re
from typing import Any

from django.db import connection

from audit.chain import form

_SALT = re.compile("[0-9a-f]{32}")
# Thousands of numbers as one parameter: each by itself would take longer to write and to read than the rows.
_VALUES = "SELECT event_id, part, salt, value FROM audit_value WHERE event_id"


def malformed(commitments: Any, said: dict[str, tuple[str, str]]) -> str:
    """What is not even of the form that the service writes."""
    if not isinstance(commitments, dict) or not all(isinstance(of, str) for of in commitments.values()):
        return "has no commitments as the service writes them"
    bad = [part for part, (salt, _) in said.items() if not _SALT.fullmatch(salt)]
    return f"'{min(bad)}' has no salt as the service writes it" if bad else ""


def unlike(commitments: dict[str, str], said: dict[str, tuple[str, str]]) -> str:
    """Which value is another than was written, or was added."""
    for part, kept in said.items():
        if part not in commitments:
            return f"'{part}' was added to it"
        if form.commitment(*kept) != commitments[part]:
            return f"'{part}' is not what was written"
    return ""


def values_of(numbers: list[int]) -> dict[int, dict[str, tuple[str, str]]]:
    found: dict[int, dict[str, tuple[str, str]]] = {}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"{_VALUES} = ANY(%s)", [numbers])
        else:
            cursor.execute(f"{_VALUES} IN (SELECT value FROM json_each(%s))", [json.dumps(numbers)])
        for number, part, salt, value in cursor.fetchall():
            found.setdefault(number, {})[part] = (salt, value)
    return found

"""What an administrator's text must fulfil before it is saved."""

import re
from collections.abc import Iterator

from config.api_values import JsonObject
from config.errors import Fault
from notifications.texts.email_types import EMAIL_TYPES
from notifications.texts.renderer import RENDERER
from notifications.texts.values import KNOWN, VARIABLES, sample_values

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PARTS = ("subject", "html", "text")
MAX_SOURCE_CHARACTERS = 200_000


def template_faults(columns: JsonObject) -> list[Fault]:
    """What is wrong with a template's columns, with line numbers where possible."""
    faults = list(_place_faults(columns))
    for name in _PARTS:
        errors = _source_errors(name, columns[name])
        faults += [Fault(error, code="not_a_text", pointer=f"#/{name}") for error in errors]
        if columns["active"] and not columns[name].strip():
            detail = "A value is required unless the whole text is empty or disabled."
            faults.append(Fault(detail, code="required", pointer=f"#/{name}"))
    return faults


def _place_faults(columns: JsonObject) -> Iterator[Fault]:
    event = columns["event"]
    if (event, columns["role"]) not in EMAIL_TYPES:
        roles = ", ".join(role for offered, role in EMAIL_TYPES if offered == event) or "none"
        detail = f"The role must be one of these for {event}: {roles}."
        yield Fault(detail, code="not_offered", pointer="#/role")
    if not _LANGUAGE.fullmatch(columns["language"] or ""):
        detail = "The language must be two or three lowercase letters, for example lv."
        yield Fault(detail, code="not_a_language", pointer="#/language")


def _source_errors(part: str, source: str) -> list[str]:
    if len(source) > MAX_SOURCE_CHARACTERS:
        return [f"The text must have at most {MAX_SOURCE_CHARACTERS:,} characters."]
    # A text must render with every value and with none.
    return RENDERER.source_errors(part, source, known=KNOWN, samples=[sample_values(), VARIABLES])

"""What must hold of an operator's text before it is kept."""

import re
from collections.abc import Iterator
from typing import Any

from config.errors import DomainError, Fault
from notifications.texts import sandbox
from notifications.texts.offer import OFFERED
from notifications.texts.values import EMPTY, KNOWN, SAMPLE

_LANGUAGE = re.compile(r"[a-z]{2,3}")
LONGEST_SOURCE = 200_000


def faults_of(columns: dict[str, Any]) -> list[Fault]:
    """What is wrong with a template's columns, each with its line where it has one."""
    faults = [*_misplaced(columns)]
    for name, html in (("subject", False), ("html", True), ("text", False)):
        faults += [Fault(said, code="not_a_text", pointer=f"#/{name}") for said in _wrong(columns[name], html=html)]
    if columns["active"]:
        faults += [
            Fault("This is needed, unless the whole template is empty or off.", code="required", pointer=f"#/{name}")
            for name in ("subject", "html", "text")
            if not columns[name].strip()
        ]
    return faults


def _misplaced(columns: dict[str, Any]) -> Iterator[Fault]:
    if (columns["event"], columns["role"]) not in OFFERED:
        roles = ", ".join(role for event, role in OFFERED if event == columns["event"]) or "nobody"
        yield Fault(f"About {columns['event']} mail goes to {roles}.", code="not_offered", pointer="#/role")
    if not _LANGUAGE.fullmatch(columns["language"] or ""):
        detail = "A language is two or three small letters, for example lv."
        yield Fault(detail, code="not_a_language", pointer="#/language")


def _wrong(source: str, *, html: bool) -> Iterator[str]:
    if len(source) > LONGEST_SOURCE:
        line = sandbox.line_at(source, LONGEST_SOURCE)
        yield f"Line {line}: a text is at most {LONGEST_SOURCE:,} characters, and here it has more."
        return
    found = list(sandbox.troubles(source, KNOWN, html=html))
    if not found:
        found = [said for values in (SAMPLE, EMPTY) if (said := _unrenderable(source, values, html=html))]
    yield from dict.fromkeys(found)


def _unrenderable(source: str, values: dict[str, Any], *, html: bool) -> str:
    try:
        made = sandbox.render(source, values, html=html)
    except DomainError as refusal:
        return refusal.detail
    try:
        if html:
            sandbox.inlined(made)
    except DomainError as refusal:
        line = sandbox.line_at(source, max(source.lower().rfind("<style"), 0))
        return f"Line {line}: {refusal.detail[:1].lower()}{refusal.detail[1:]}"
    return ""

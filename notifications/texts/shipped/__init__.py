"""The texts that ship, put together from each language's words and one frame: whole Liquid sources, to be edited."""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from config.vocabulary import EventType, Role

_FOLDER = Path(__file__).parent
LANGUAGES = ("en", "lv", "lt", "et", "pl")
"""In the order in which pages show them; the first is the last resort."""


@dataclass(frozen=True, slots=True)
class Source:
    """A mail's text as Liquid: its subject, HTML and plain text."""

    subject: str
    html: str
    text: str

    @property
    def fingerprint(self) -> str:
        """What tells this text from every other one."""
        return hashlib.sha256("\0".join((self.subject, self.html, self.text)).encode()).hexdigest()


@cache
def shipped(event: str, role: str, language: str) -> Source | None:
    """The text that ships for this event, role and language, or None."""
    words = _words(language) if language in LANGUAGES else {}
    entry = words.get(event, {}).get(role)
    if entry is None:
        return None
    labels = {**words["labels"], "language": language}
    return Source(entry["subject"], _compose("html", entry, labels), _compose("text", entry, labels))


@cache
def pairs() -> frozenset[tuple[EventType, Role]]:
    """The events and roles that have a text as the product ships."""
    return frozenset(
        (EventType(event), Role(role))
        for event, roles in _words(LANGUAGES[0]).items()
        if event != "labels"
        for role in roles
    )


@cache
def _words(language: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


@cache
def _layout() -> dict[str, dict[str, str]]:
    raw = tomllib.loads((_FOLDER / "layout.toml").read_text(encoding="utf-8"))
    return {kind: {name: part.removesuffix("\n") for name, part in parts.items()} for kind, parts in raw.items()}


def _compose(kind: str, entry: dict[str, Any], labels: dict[str, str]) -> str:
    """The frame with the entry's words in it: paragraphs, details of the document, comments, the way to act."""
    parts = _layout()[kind]
    content = parts["details"] + parts["comments"] + (parts["action"] if "action" in entry else "")
    if entry.get("several"):
        content = parts["several"].replace("[[single]]", content)
    fills: dict[str, str] = {
        "paragraphs": "".join(_paragraph(paragraph, parts["paragraph"]) for paragraph in entry["body"]),
        "content": content,
        "footer": labels["footer"],
        **labels,
        **{name: entry[name] for name in ("title", "action", "footer") if name in entry},
    }
    source = parts["frame"]
    for _ in range(2):  # the frame's parts have holes of their own
        for name, fill in fills.items():
            source = source.replace(f"[[{name}]]", fill)
    return source + "\n"


def _paragraph(paragraph: Any, around: str) -> str:
    if isinstance(paragraph, str):
        return around.replace("[[text]]", paragraph) + "\n"
    inner = around.replace("[[text]]", paragraph["text"])
    return f"{{% if {paragraph['when']} %}}{inner}\n{{% endif %}}"

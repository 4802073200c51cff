"""The texts that come with the product: the words of each language, composed with one layout into Liquid sources.

The result is a complete source, so that an administrator can edit it like any other text.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from config.api_values import JsonObject
from config.vocabulary import EventType, Role

_FOLDER = Path(__file__).parent

# In the order of the pages that show them. The first is the last fallback.
LANGUAGES = ("en", "lv", "lt", "et", "pl")


@dataclass(frozen=True, slots=True)
class TextSource:
    """The Liquid sources of an email."""

    subject: str
    html: str
    text: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the three sources."""
        return hashlib.sha256("\0".join((self.subject, self.html, self.text)).encode()).hexdigest()


@cache
def shipped_text(event: str, role: str, language: str) -> TextSource | None:
    """The shipped text for this event, role and language, or None."""
    if language not in LANGUAGES:
        return None
    words = _load(language)
    entry = words.get(event, {}).get(role)
    if entry is None:
        return None
    labels = {**words["labels"], "language": language}
    return TextSource(entry["subject"], _compose("html", entry, labels), _compose("text", entry, labels))


@cache
def shipped_pairs() -> frozenset[tuple[EventType, Role]]:
    """The events and roles that have a shipped text."""
    pairs: set[tuple[EventType, Role]] = set()
    for event, roles in _load(LANGUAGES[0]).items():
        if event != "labels":
            pairs |= {(EventType(event), Role(role)) for role in roles}
    return frozenset(pairs)


@cache
def _layout(kind: str) -> dict[str, str]:
    return {name: part.removesuffix("\n") for name, part in _load("layout")[kind].items()}


@cache
def _load(name: str) -> JsonObject:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _compose(kind: str, entry: JsonObject, labels: dict[str, str]) -> str:
    """The layout with the words of an entry in place of its [[placeholders]]."""
    parts = _layout(kind)
    content = parts["details"] + parts["comments"]
    if "action" in entry:
        content += parts["action"]
    if entry.get("several"):
        content = parts["several"].replace("[[single]]", content)
    fills: dict[str, str] = {
        **labels,
        **{name: entry[name] for name in ("title", "action", "footer") if name in entry},
        "content": content,
        "paragraphs": "".join(_paragraph(paragraph, parts["paragraph"]) for paragraph in entry["body"]),
    }

    # Twice, because the content has placeholders of its own.
    source = parts["frame"]
    for _ in range(2):
        for name, fill in fills.items():
            source = source.replace(f"[[{name}]]", fill)
    return source + "\n"


def _paragraph(paragraph: str | JsonObject, frame: str) -> str:
    """A paragraph; one with `when` is left out if that value is empty."""
    if isinstance(paragraph, str):
        return frame.replace("[[text]]", paragraph) + "\n"
    text = frame.replace("[[text]]", paragraph["text"])
    return f"{{% if {paragraph['when']} %}}{text}\n{{% endif %}}"
